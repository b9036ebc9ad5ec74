/**
 * Which partition a key belongs to, as clients differ in it. Each is the client's default; the same key and count give the same partition for ever.
 */
import { crc32 } from 'node:zlib';
import { murmur2, partitionOfKey } from '@mqlab/core/client/murmur2.ts';

export type KeyHash = (key: string, partitions: number) => number;

// #excerpt hashes
/** Kafka's Java client, kafkajs since 2.0, this project's client: the sign bit cleared. */
export const javaHash: KeyHash = (key, partitions) => partitionOfKey(Buffer.from(key), partitions);

/** @platformatic/kafka: the same hash, taken as a number without a sign. */
export const unsignedHash: KeyHash = (key, partitions) => (murmur2(Buffer.from(key)) >>> 0) % partitions;

/** librdkafka (`consistent_random`): another hash altogether. */
export const librdkafkaHash: KeyHash = (key, partitions) => crc32(key) % partitions;
// #end
