/**
 * Samples of a comparison and the figures made of them. Pure.
 *
 * Invariants: a sample belongs to one pair (round); a ratio to Kafka is taken pair by pair, within a round, and the median of those stands for all; a system that has
 * no Kafka beside it in any round has no ratio.
 */
import type { BenchResult } from '@mqlab/reports/run-data.ts';
import { type Spread, spreadOf } from '../statistics.ts';

export const REFERENCE = 'kafka';

export interface Sample {
  /** Heading under which results stand together. */
  readonly group: string;
  readonly workload: string;
  readonly metric: string;
  /** As figures of run data have them. */
  readonly unit: string;
  readonly betterIs: 'higher' | 'lower';
  readonly system: string;
  readonly version: string;
  /** The round, from 0. */
  readonly pair: number;
  readonly value: number;
}

/** One figure a workload, metric and system, in the order in which they first came. */
export function figuresOf(samples: readonly Sample[]): BenchResult[] {
  const bySystem = Map.groupBy(samples, (each) => JSON.stringify([each.workload, each.metric, each.system]));
  return [...bySystem.values()].map((own) => {
    const { group, workload, metric, unit, betterIs, system, version } = own[0]!;
    const spread = spreadOf(own.map((each) => each.value));
    const ratio = ratioOf(own, samples);
    return {
      group,
      workload,
      metric,
      unit,
      betterIs,
      system,
      version,
      ...spread,
      pairs: own.length,
      ...(ratio === null ? {} : { ratioToKafka: ratio.median }),
    };
  });
}

/** Pair by pair; null where the reference was not measured beside it. */
export function ratioOf(own: readonly Sample[], all: readonly Sample[], to: string = REFERENCE): Spread | null {
  const { workload, metric } = own[0]!;
  const ratios = own.flatMap(({ pair, value }) => {
    const reference = all.find(
      (each) => each.system === to && each.workload === workload && each.metric === metric && each.pair === pair,
    );
    return reference === undefined || reference.value === 0 ? [] : [value / reference.value];
  });
  return ratios.length === 0 ? null : spreadOf(ratios);
}

/** The stable shape of `bench compare --json`: one line a figure. */
export function jsonLine(result: BenchResult): string {
  const { workload, metric, unit, system, version, median, min, max, samples } = result;
  const pairs = result.pairs ?? samples;
  const ratioToKafka = result.ratioToKafka ?? null;
  return JSON.stringify({ workload, metric, unit, system, version, median, min, max, pairs, ratioToKafka });
}
