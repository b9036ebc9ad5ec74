/** The own client's admin behind the driver interface. */
import { Admin } from '@mqlab/core/client/admin/admin.ts';
import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP } from '@mqlab/core/client/consumer/timestamps.ts';
import { keyOf } from '@mqlab/core/client/consumer/topic-partition.ts';
import type { Ports } from '@mqlab/core/ports/ports.ts';
import type { AdminDriver } from './driver.ts';

export function openMqlabAdmin(ports: Ports, bootstrap: string): AdminDriver {
  const admin = new Admin(ports, { 'bootstrap.servers': bootstrap });
  const partitionsOf = async (topic: string) => {
    const [found] = await admin.describeTopics([topic]);
    return found!.partitions.map(({ index }) => ({ topic, partition: index }));
  };
  return {
    createTopic: (name, partitions, configs, replicationFactor) =>
      admin.createTopics([
        {
          name,
          partitions,
          ...(configs === undefined ? {} : { configs }),
          ...(replicationFactor === undefined ? {} : { replicationFactor }),
        },
      ]),
    addPartitions: (topic, partitionsTotal) => admin.createPartitions(topic, partitionsTotal),
    deleteTopic: (topic) => admin.deleteTopics([topic]),
    offsets: async (topic) => {
      const partitions = await partitionsOf(topic);
      const at = async (timestamp: number) => admin.listOffsets(partitions.map((one) => ({ ...one, timestamp })));
      const starts = await at(EARLIEST_TIMESTAMP);
      const ends = await at(LATEST_TIMESTAMP);
      return partitions.map((one) => ({
        partition: one.partition,
        start: starts.get(keyOf(one))!.offset,
        end: ends.get(keyOf(one))!.offset,
      }));
    },
    committed: async (group, topic) => {
      const partitions = await partitionsOf(topic);
      const offsets = await admin.listGroupOffsets(group, partitions);
      return partitions.flatMap((one) => {
        const known = offsets.get(keyOf(one));
        return known === undefined || known.offset < 0 ? [] : [{ partition: one.partition, offset: known.offset }];
      });
    },
    close: () => admin.close(),
  };
}
