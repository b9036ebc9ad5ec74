/**
 * What becomes of the claims C90 to C93: decided by what was just measured, per product and system. No verdict is typed; each scope quotes its figures.
 *
 * A product that is not on the machine leaves its part of a claim open, and the claim then is no more than inconclusive, unless another part refutes it.
 */
import { spreadOf } from '@mqlab/bench/statistics.ts';
import { formatQuantity } from '@mqlab/reports/index.ts';
import type { ClaimVerdict } from '@mqlab/reports/run-data.ts';
import type { Conclusion } from '../kit/verdict.ts';
import {
  FAMILIES,
  type Family,
  LATENCY_RATE,
  type SystemMeasured,
  systemsOf,
  type WhichQueueMeasured,
} from './measured.ts';

export interface Judged extends Conclusion {
  readonly isMeasured: boolean;
}

const ALL = Object.keys(FAMILIES) as Family[];
/** `Tens of thousands`, `hundreds of thousands`, with a borderline of a half. */
const TENS = { min: 5_000, max: 150_000 };
const HUNDREDS = { min: 75_000, max: 1_500_000 };
/** "Falls steeply" keeps less than this, "little" more than that. */
const STEEPLY_KEPT_MAX = 0.5;
const LITTLE_KEPT_MIN = 0.8;

/** Whether a part of the claim held; null where its product was not measured. */
interface Part {
  readonly family: Family;
  readonly holds: boolean | null;
  readonly words: string;
}

export function judgeClaims(taken: WhichQueueMeasured): Judged[] {
  return [
    concluded(
      'C90',
      ALL.map((family) => throughputPart(taken, family)),
      'One server and its clients on one machine',
    ),
    concluded(
      'C91',
      (['Kafka', 'RocketMQ'] as const).map((family) => topicsPart(taken, family)),
      'From tens to hundreds of topics',
    ),
    concluded(
      'C92',
      ALL.map((family) => latencyPart(taken, family)),
      `Median from due to confirmed at ${LATENCY_RATE} records a second`,
    ),
    concluded(
      'C93',
      (['ActiveMQ', 'RocketMQ', 'Kafka'] as const).map((family) => crashPart(taken, family)),
      'Killed by kill −9 with confirmed messages and the settings of the table',
    ),
  ];
}

function concluded(claim: string, parts: readonly Part[], where: string): Judged {
  const known = parts.filter(({ holds }) => holds !== null);
  const held = known.filter(({ holds }) => holds === true).length;
  const verdict: ClaimVerdict =
    known.length === 0
      ? 'not measurable here'
      : held === parts.length
        ? 'confirmed'
        : held === 0 && known.length === parts.length
          ? 'refuted'
          : held < known.length
            ? 'conditional'
            : 'inconclusive';
  return {
    claim,
    verdict,
    isMeasured: known.length > 0,
    scope: `${where}: ${parts.map(({ words }) => words).join('; ')}.`,
  };
}

function partOf(
  taken: WhichQueueMeasured,
  family: Family,
  judge: (system: SystemMeasured) => { readonly holds: boolean; readonly words: string } | null,
): Part {
  const judged = systemsOf(taken, family).flatMap((system) => {
    const result = judge(system);
    return result === null ? [] : [{ system, ...result }];
  });
  if (judged.length === 0) return { family, holds: null, words: `${family} was not measured` };
  return {
    family,
    holds: judged.some(({ holds }) => holds),
    words: judged.map(({ system, words }) => `${system.title} ${words}`).join(', '),
  };
}

function throughputPart(taken: WhichQueueMeasured, family: Family): Part {
  const said = family === 'ActiveMQ' || family === 'RabbitMQ' ? TENS : HUNDREDS;
  return partOf(taken, family, ({ recordsPerSecond }) => {
    if (recordsPerSecond.length === 0) return null;
    const rate = medianOf(recordsPerSecond);
    return { holds: rate >= said.min && rate < said.max, words: formatQuantity(rate, 'records/s') };
  });
}

/** Of what it carried at the fewest topics, at the most. */
export function keptShare({
  topics,
}: SystemMeasured): { readonly from: number; readonly to: number; readonly kept: number } | null {
  const first = topics.find(({ recordsPerSecond }) => recordsPerSecond.length > 0);
  const last = topics.findLast(({ recordsPerSecond }) => recordsPerSecond.length > 0);
  if (first === undefined || last === undefined || first === last) return null;
  return {
    from: first.topics,
    to: last.topics,
    kept: medianOf(last.recordsPerSecond) / medianOf(first.recordsPerSecond),
  };
}

function topicsPart(taken: WhichQueueMeasured, family: Family): Part {
  return partOf(taken, family, (system) => {
    const share = keptShare(system);
    if (share === null) return null;
    const holds = family === 'Kafka' ? share.kept <= STEEPLY_KEPT_MAX : share.kept >= LITTLE_KEPT_MIN;
    return { holds, words: `keeps ${formatQuantity(share.kept * 100, '%')} from ${share.from} to ${share.to}` };
  });
}

function latencyPart(taken: WhichQueueMeasured, family: Family): Part {
  return partOf(taken, family, ({ latency }) => {
    if (latency === null) return null;
    const isMicroseconds = latency.p50Ms < 1;
    return {
      holds: family === 'RabbitMQ' ? isMicroseconds : !isMicroseconds,
      words: formatQuantity(latency.p50Ms, 'ms'),
    };
  });
}

function crashPart(taken: WhichQueueMeasured, family: Family): Part {
  return partOf(taken, family, ({ crash }) => {
    if (crash === null || crash.confirmed === 0) return null;
    // "With low probability" is no statement that one kill could confirm: what is judged is that it can be set to lose nothing, for each of them.
    return { holds: crash.lost === 0, words: `lost ${crash.lost} of ${crash.confirmed}` };
  });
}

export function medianOf(samples: readonly number[]): number {
  return spreadOf(samples).median;
}
