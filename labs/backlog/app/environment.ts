/**
 * What an application process is given: a client, time, and points at which it may die.
 *
 * Invariant: after a crash neither `wait` nor `step` ever settles, as in a process that is gone. In production `client` is a Kafka client, `wait` a timer and
 * `step` nothing at all.
 */
import type { ClientDriver, PolledRecord } from '../../kit/drivers/driver.ts';

export interface Environment {
  readonly client: ClientDriver;
  wait(ms: number): Promise<void>;
  /** A point between two actions: the process may be killed here. */
  step(): Promise<void>;
  /** The operator asked it to end in an orderly way. */
  readonly isStopping: boolean;
}

export interface ConsumeSettings {
  readonly topic: string;
  readonly group: string;
  readonly sessionTimeoutMs?: number;
  readonly heartbeatIntervalMs?: number;
  readonly maxPollRecords?: number;
  /** How long one poll waits for records. */
  readonly pollMs: number;
  /** Called with the number of partitions that the process was given. */
  readonly onAssigned?: (partitions: number) => void;
}

/** Next offset of each partition after these records. */
export function offsetsAfter(records: readonly PolledRecord[]) {
  const next = new Map<string, { topic: string; partition: number; offset: number }>();
  for (const { topic, partition, offset } of records) {
    next.set(`${topic}-${partition}`, { topic, partition, offset: offset + 1 });
  }
  return [...next.values()];
}

/** Settings of a consumer that reads from where its group stands and commits by itself. */
export function consumerSettings(settings: ConsumeSettings) {
  const { topic, group, sessionTimeoutMs, heartbeatIntervalMs, maxPollRecords, onAssigned } = settings;
  return {
    group,
    topics: [topic],
    fromBeginning: true,
    autoCommit: false,
    // Neighbouring partitions go to different consumers, so that a few busy ones do not meet in one.
    assignor: 'roundrobin' as const,
    ...(sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs }),
    ...(heartbeatIntervalMs === undefined ? {} : { heartbeatIntervalMs }),
    ...(maxPollRecords === undefined ? {} : { maxPollRecords }),
    ...(onAssigned === undefined
      ? {}
      : { onAssigned: (partitions: readonly unknown[]) => onAssigned(partitions.length) }),
  };
}
