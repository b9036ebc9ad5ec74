/** What a load's threads and their owner say to each other. Times are `monotonicMs()`. */
import type { PeerTopic } from '../peers/peer.ts';
import type { Keys } from './partition-chooser.ts';
import type { Payload } from './payload.ts';
import type { Workload } from './workload.ts';

export interface ProducerTask {
  readonly bootstrap: string;
  readonly topic: string;
  readonly workload: Workload;
  readonly payload: Payload;
  /** Which of `workload.producers` this one is. */
  readonly index: number;
  /** The key of each record holds its due time. */
  readonly carriesTime: boolean;
}

export interface ConsumerTask {
  readonly bootstrap: string;
  readonly topic: string;
  readonly partitions: readonly number[];
  /** `follow` reads along from the end; `drain` from the beginning to the end that there is. */
  readonly mode: 'follow' | 'drain';
}

/** In front of a value that carries its due moment: a double, big endian. */
export const DUE_TIME_BYTES = 8;

/** For a producer thread of any peer. */
export interface PeerProducerTask {
  /** URL of the driver module. */
  readonly driver: string;
  readonly address: string;
  readonly topics: readonly PeerTopic[];
  readonly acks: '0' | '1' | 'all';
  readonly batchBytes: number;
  readonly lingerMs: number;
  readonly keys: Keys;
  /** Of this producer alone. */
  readonly recordsPerSecond: number | 'max';
  /** Of all producers together. */
  readonly outstandingBytesMax: number;
  readonly warmupMs: number;
  readonly measureMs: number;
  readonly drainMsMax: number;
  readonly payload: Payload;
  readonly producers: number;
  /** Which of `producers` this one is. */
  readonly index: number;
  /** Values begin with their due time. */
  readonly carriesTime: boolean;
}

export interface PeerConsumerTask {
  readonly driver: string;
  readonly address: string;
  readonly assignment: readonly { readonly topic: string; readonly partition: number }[];
  readonly mode: 'follow' | 'drain';
  readonly carriesTime: boolean;
}

export interface Start {
  readonly kind: 'start';
  readonly startMs: number;
  readonly measureFromMs: number;
  readonly measureUntilMs: number;
}

/** A thread takes one task after another: task, ready, start, report. */
export type ToWorker<Task> = { readonly kind: 'task'; readonly task: Task } | Start | { readonly kind: 'stop' };

export interface ProducerReport {
  readonly kind: 'produced';
  /** Open loop: due in the window; closed: acknowledged in it. */
  readonly due: number;
  readonly acknowledged: number;
  readonly failed: number;
  readonly unfinished: number;
  readonly acknowledgedInWindow: number;
  readonly bytesInWindow: number;
  /** Of the whole run, warm-up included. */
  readonly recordsSent: number;
  readonly requestsSent: number;
  readonly batchesSent: number;
  readonly bytesSent: number;
  readonly batchesRetried: number;
  /** The first failure's message. */
  readonly failure: string | null;
  /** Histograms as text; null in a closed loop. */
  readonly latencies: string | null;
  readonly lateness: string | null;
}

export interface ConsumerReport {
  readonly kind: 'consumed';
  readonly records: number;
  readonly bytes: number;
  /** From the first record to the last; of a peer's consumer: from the start to the last. */
  readonly elapsedMs: number;
  readonly latencies: string;
}

/** Of a peer's consumer, now and then. */
export interface Progress {
  readonly kind: 'progress';
  readonly records: number;
}

export type FromWorker = { readonly kind: 'ready' } | Progress | ProducerReport | ConsumerReport;
