import type { ClientError } from '../client-error.ts';

export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | string | null;
}

/** A record as the application hands it in. */
export interface ProducerRecord<K = unknown, V = unknown> {
  readonly topic: string;
  readonly value: V | null;
  readonly key?: K | null;
  /** Decides in place of the partitioner. */
  readonly partition?: number;
  /** Milliseconds since the epoch; now when it is not given. */
  readonly timestamp?: number;
  readonly headers?: readonly RecordHeader[];
}

/** Where a record went. `offset` is −1 with acks=0, and for a duplicate whose offset the broker no longer knows. */
export interface RecordMetadata {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** The record's own, or the broker's when the topic is set to log append time. */
  readonly timestamp: number;
}

/** Called once: with an error and null, or with null and where the record went. */
export type DeliveryCallback = (error: ClientError | null, metadata: RecordMetadata | null) => void;
