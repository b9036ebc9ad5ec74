/**
 * What the lab takes of each queue system, as plain data: figures, charts, tables and verdicts are made of it elsewhere.
 *
 * Invariant: nothing stands here that a run did not take; a system that is not on the machine is in `absent` with its reason.
 */
import type { LatencySummary } from '@mqlab/bench/load/latency.ts';

/** Messages that were confirmed before the server was killed, and what a reader found after its next start, by identity. */
export interface CrashMeasured {
  readonly confirmed: number;
  readonly lost: number;
  readonly twice: number;
}

export interface TopicsMeasured {
  /** Each with `PARTITIONS` partitions (queues). */
  readonly topics: number;
  /** One window a round; the same round of all sizes of a system belongs together. */
  readonly recordsPerSecond: readonly number[];
  /** Why not all of its windows were taken; null where they were. */
  readonly missed: string | null;
  /** Records of its windows that were not confirmed, which no rate counts, and what became of the first; null where all were. */
  readonly failed: { readonly records: number; readonly why: string } | null;
}

export interface SystemMeasured {
  /** As in `bench/peers`. */
  readonly name: string;
  readonly title: string;
  readonly version: string;
  readonly settings: readonly string[];
  readonly startMs: number;
  /** Confirmed records of 1 KiB a second, as fast as answers come: one sample a round. */
  readonly recordsPerSecond: readonly number[];
  /** From the due moment to the confirmation, at `LATENCY_RATE`; null where the system did not keep up with it. */
  readonly latency: LatencySummary | null;
  readonly topics: readonly TopicsMeasured[];
  readonly crash: CrashMeasured | null;
  /** All processes of the server together. */
  readonly cpuSecondsPerGb: number | null;
  /** Likewise; of the server that had one topic at a time. */
  readonly rssBytesPeak: number | null;
  /** What failed while it was measured, a sentence each; of topics it is in `topics`. */
  readonly problems: readonly string[];
}

export interface AbsentSystem {
  readonly name: string;
  readonly title: string;
  readonly why: string;
}

export interface WhichQueueMeasured {
  readonly systems: readonly SystemMeasured[];
  readonly absent: readonly AbsentSystem[];
}

export const RECORD_BYTES = 1024;
/** Records a second of the open loop: what each of them should carry easily. */
export const LATENCY_RATE = 2_000;
/** Of each topic where topics are counted. */
export const PARTITIONS = 8;

/** The products of the claims, and the systems here that stand for them. */
export const FAMILIES = {
  Kafka: ['kafka'],
  RabbitMQ: ['rabbitmq-quorum', 'rabbitmq-classic', 'rabbitmq-stream'],
  RocketMQ: ['rocketmq'],
  ActiveMQ: ['artemis', 'activemq'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type Family = keyof typeof FAMILIES;

export function systemsOf(taken: WhichQueueMeasured, family: Family): readonly SystemMeasured[] {
  const names: readonly string[] = FAMILIES[family];
  return taken.systems.filter(({ name }) => names.includes(name));
}

/** A sentence each. */
export function problemsOf({ problems, topics }: SystemMeasured): readonly string[] {
  return [
    ...problems,
    ...topics.flatMap(({ topics: count, missed, failed }) => [
      ...(missed === null ? [] : [`${count} topics: ${missed}`]),
      ...(failed === null ? [] : [`${count} topics: ${failed.records} records failed (${failed.why})`]),
    ]),
  ];
}
