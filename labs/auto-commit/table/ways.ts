/**
 * Ways to consume as each client library offers them, in its own words and with its own defaults: rows of the truth table.
 *
 * Invariant: nothing between the library and the handler: a way gets a topic, a group and a shift, and uses the library as its manual shows. Only the
 * interval of periodic commits is made shorter where the library has one, or no run would see two of them.
 */
import type { ClientName } from '../../kit/drivers/driver.ts';

export interface Seen {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface WayShift {
  /** SIGTERM came. */
  readonly isEnding: boolean;
  /** These are the application's now. */
  polled(records: readonly Seen[]): void;
  /** Resolves when the record's effect is made. */
  work(record: Seen): Promise<void>;
}

export interface WaySettings {
  readonly bootstrap: string;
  readonly topic: string;
  readonly group: string;
  readonly intervalMs: number;
}

/** Runs until it has ended in order; `whenEnding` calls back when it is told to. */
export type Way = (settings: WaySettings, shift: WayShift, whenEnding: Promise<void>) => Promise<void>;

export interface WayRow {
  readonly id: string;
  readonly client: ClientName;
  /** Stands whole beside a row of the picture. */
  readonly short: string;
  readonly title: string;
  readonly settings: string;
}

export const WAYS: readonly WayRow[] = [
  {
    id: 'mqlab-finish',
    client: 'mqlab',
    short: 'mqlab: loop',
    title: 'poll loop, batch finished before the next poll and before close',
    settings: 'defaults',
  },
  {
    id: 'mqlab-leave',
    client: 'mqlab',
    short: 'mqlab: loop, left early',
    title: 'poll loop, left in mid-batch at the end',
    settings: 'defaults',
  },
  {
    id: 'mqlab-queue',
    client: 'mqlab',
    short: 'mqlab: queue',
    title: 'handed to a queue',
    settings: 'defaults',
  },
  {
    id: 'mqlab-finished',
    client: 'mqlab',
    short: 'mqlab: finished only',
    title: 'handed to a queue, commit of what is finished',
    settings: 'enable.auto.commit=false',
  },
  {
    id: 'kafkajs-message',
    client: 'kafkajs',
    short: 'kafkajs: eachMessage',
    title: 'eachMessage',
    settings: 'defaults',
  },
  {
    id: 'kafkajs-threshold',
    client: 'kafkajs',
    short: 'kafkajs: threshold',
    title: 'eachMessage',
    settings: 'autoCommitThreshold=1',
  },
  {
    id: 'kafkajs-interval',
    client: 'kafkajs',
    short: 'kafkajs: interval',
    title: 'eachMessage',
    settings: 'autoCommitInterval',
  },
  {
    id: 'kafkajs-queue',
    client: 'kafkajs',
    short: 'kafkajs: queue',
    title: 'eachMessage, handed to a queue',
    settings: 'defaults',
  },
  {
    id: 'kafkajs-batch',
    client: 'kafkajs',
    short: 'kafkajs: eachBatch',
    title: 'eachBatch, left when isRunning() says no',
    settings: 'defaults',
  },
  {
    id: 'kafkajs-resolve',
    client: 'kafkajs',
    short: 'kafkajs: resolveOffset',
    title: 'the same, resolveOffset() after each record',
    settings: 'eachBatchAutoResolve=false',
  },
  {
    id: 'platformatic-stream',
    client: 'platformatic',
    short: 'platformatic: stream',
    title: 'for await over the stream',
    settings: 'defaults',
  },
  {
    id: 'platformatic-interval',
    client: 'platformatic',
    short: 'platformatic: interval',
    title: 'for await over the stream',
    settings: 'autocommit=interval',
  },
  {
    id: 'platformatic-commit',
    client: 'platformatic',
    short: 'platformatic: commit()',
    title: 'for await, message.commit() after the work',
    settings: 'autocommit=false',
  },
];

/** Loads one library alone: a consumer process starts sooner. */
export async function waysOf(client: ClientName): Promise<Readonly<Record<string, Way>>> {
  switch (client) {
    case 'mqlab':
      return (await import('./own-ways.ts')).ways;
    case 'kafkajs':
      return (await import('./kafkajs-ways.ts')).ways;
    case 'platformatic':
      return (await import('./stream-ways.ts')).ways;
  }
}
