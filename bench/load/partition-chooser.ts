/** Which topic and partition the next record goes to: one rule for all systems, so that none is helped or hurt by its client's own. */
import type { PeerTopic } from '../peers/peer.ts';

/** `none`: a partition until a batch's worth of values went there, as Kafka's client does for records without a key. */
export const KEYS = ['none', 'round-robin', 'random'] as const;
export type Keys = (typeof KEYS)[number];

export interface PartitionChooser {
  topic: string;
  partition: number;
  /** Moves on, or stays: for a value of so many bytes. */
  next(bytes: number): void;
}

/** `phase`, from 0 to 1: where among the partitions it begins, so that producers do not march together. */
export function partitionChooser(
  topics: readonly PeerTopic[],
  keys: Keys,
  batchBytes: number,
  phase: number,
): PartitionChooser {
  const places = topics.flatMap(({ name, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => ({ name, partition })),
  );
  if (places.length === 0) throw new RangeError('no partition to send to');
  let at = Math.floor(phase * places.length) % places.length;
  let bytesHere = 0;
  let random = 0x2545_f491;
  const chooser: PartitionChooser = {
    topic: places[at]!.name,
    partition: places[at]!.partition,
    next(bytes) {
      if (keys === 'none') {
        bytesHere += bytes;
        if (bytesHere <= batchBytes || bytesHere === bytes) return;
        bytesHere = bytes;
        at = at + 1 === places.length ? 0 : at + 1;
      } else if (keys === 'round-robin') at = at + 1 === places.length ? 0 : at + 1;
      else {
        random ^= random << 13;
        random ^= random >>> 17;
        random ^= random << 5;
        at = (random >>> 0) % places.length;
      }
      chooser.topic = places[at]!.name;
      chooser.partition = places[at]!.partition;
    },
  };
  return chooser;
}
