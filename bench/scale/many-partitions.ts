/** Many partitions on one node: made, written to, and counted. */
import { Admin } from '@mqlab/core/client/admin/admin.ts';
import { Consumer } from '@mqlab/core/client/consumer/consumer.ts';
import { Producer } from '@mqlab/core/client/producer/producer.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import { PARTITIONS_PER_TOPIC } from './scale-plan.ts';

const TOPICS_AT_ONCE = 50;
const VALUE = Buffer.from('the first record of a partition, or the next one');

export function topicNames(count: number, from = 0): string[] {
  return Array.from({ length: count - from }, (_, index) => `scale-${from + index}`);
}

export function topicsFor(partitions: number): number {
  return Math.ceil(partitions / PARTITIONS_PER_TOPIC);
}

/** Those from `from` on. */
export async function makeTopics(bootstrap: string, count: number, from = 0): Promise<void> {
  const admin = new Admin(realPorts(), { 'bootstrap.servers': bootstrap });
  const names = topicNames(count, from);
  for (let at = 0; at < names.length; at += TOPICS_AT_ONCE) {
    const some = names.slice(at, at + TOPICS_AT_ONCE);
    await admin.createTopics(
      some.map((name) => ({ name, partitions: PARTITIONS_PER_TOPIC, replicationFactor: 1, configs: {} })),
    );
  }
  await admin.close();
}

/** One acknowledged record more in each partition. */
export async function writeToEach(bootstrap: string, topics: readonly string[]): Promise<void> {
  const producer = new Producer(realPorts(), { 'bootstrap.servers': bootstrap, acks: 'all' });
  const sent: Promise<unknown>[] = [];
  for (const topic of topics) {
    for (let partition = 0; partition < PARTITIONS_PER_TOPIC; partition++) {
      sent.push(producer.send({ topic, partition, key: null, value: VALUE }));
    }
  }
  await Promise.all(sent);
  await producer.close();
}

/** The records that there are, in all partitions together. */
export async function countRecords(bootstrap: string, topics: readonly string[]): Promise<number> {
  const consumer = new Consumer(realPorts(), { 'bootstrap.servers': bootstrap });
  const partitions = topics.flatMap((topic) =>
    Array.from({ length: PARTITIONS_PER_TOPIC }, (_, partition) => ({ topic, partition })),
  );
  const starts = await consumer.beginningOffsets(partitions);
  const ends = await consumer.endOffsets(partitions);
  await consumer.close({ timeoutMs: 1_000 });
  let count = 0;
  for (const [partition, end] of ends) count += end - (starts.get(partition) ?? 0);
  return count;
}

/** Until one record is acknowledged, by a client that begins now: metadata, a topic where there is none, and the write. */
export async function acknowledgeOne(bootstrap: string, topic: string): Promise<void> {
  const producer = new Producer(realPorts(), { 'bootstrap.servers': bootstrap, acks: 'all', 'linger.ms': 0 });
  await producer.send({ topic, key: null, value: VALUE });
  await producer.close();
}
