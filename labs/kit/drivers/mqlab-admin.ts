/** The own client's admin behind the driver interface. */
import { Consumer } from '@mqlab/core/client/consumer/consumer.ts';
import { keyOf } from '@mqlab/core/client/consumer/topic-partition.ts';
import type { Ports } from '@mqlab/core/ports/ports.ts';
import type { AdminDriver } from './driver.ts';

export function openMqlabAdmin(ports: Ports, bootstrap: string): AdminDriver {
  const notThere = async (): Promise<never> => {
    throw new Error('the own admin client is not there yet');
  };
  const reader = new Consumer(ports, { 'bootstrap.servers': bootstrap });
  const partitionsOf = async (topic: string) =>
    (await reader.partitionsFor(topic))
      .map(({ index }) => ({ topic, partition: index }))
      .sort((a, b) => a.partition - b.partition);
  return {
    createTopic: notThere,
    addPartitions: notThere,
    deleteTopic: notThere,
    offsets: async (topic) => {
      const partitions = await partitionsOf(topic);
      const starts = await reader.beginningOffsets(partitions);
      const ends = await reader.endOffsets(partitions);
      return partitions.map((at) => ({
        partition: at.partition,
        start: starts.get(keyOf(at))!,
        end: ends.get(keyOf(at))!,
      }));
    },
    committed: async (group, topic) => {
      const partitions = await partitionsOf(topic);
      const member = new Consumer(ports, { 'bootstrap.servers': bootstrap, 'group.id': group });
      try {
        const offsets = await member.committed(partitions);
        return partitions.flatMap((at) => {
          const known = offsets.get(keyOf(at));
          return known === undefined ? [] : [{ partition: at.partition, offset: known.offset }];
        });
      } finally {
        await member.close();
      }
    },
    close: () => reader.close(),
  };
}
