import { expect, test } from 'vitest';
import { ClusterImage } from '../controller/image.ts';
import { SimWorld } from '../ports/sim/world.ts';
import { MetadataApplier } from './metadata-applier.ts';
import { Settings } from './settings.ts';
import { brokerConfig } from './testing.ts';
import { ControlledPartition } from './testing-partition.ts';

/** Broker 1 holds `__consumer_offsets` with three partitions; the test says who leads them. */
function open(topicName: string) {
  const { ports } = new SimWorld({ seed: 1 }).process('broker');
  const image = new ClusterImage();
  const held = [0, 1, 2].map((index) => new ControlledPartition(ports, topicName, index));
  const done: string[] = [];
  const coordinator = (name: string) => ({
    elected: (partition: number, leaderEpoch: number) => done.push(`${name} elected ${partition} ${leaderEpoch}`),
    resigned: (partition: number) => done.push(`${name} resigned ${partition}`),
    metadataChanged: () => {},
    topicDeleted: async () => {},
  });
  const applier = new MetadataApplier({
    image,
    nodeId: 1,
    replicas: {
      // As the metadata says.
      hold: (_topic: string, _id: string, replicas: readonly { partition: number; leader: number }[]) => {
        for (const { partition, leader, ...rest } of replicas) {
          held[partition]!.isLeader = leader === 1;
          held[partition]!.leaderEpoch = (rest as { leaderEpoch: number } & object).leaderEpoch;
        }
        return [];
      },
      partition: (_topic: string, partition: number) => held[partition]?.it,
      partitionsOf: () => held.map(({ it }) => it),
      drop: () => {},
    } as never,
    groups: coordinator('groups') as never,
    transactions: coordinator('transactions') as never,
    shares: coordinator('shares') as never,
    sharePartitions: {
      leadershipChanged: (_id: string, partition: number, epoch: number | null) =>
        done.push(`led ${partition} ${epoch}`),
      topicDeleted: () => {},
    } as never,
    settings: new Settings(brokerConfig(), image),
    clock: ports.clock,
    onProblem: (message) => done.push(message),
  });
  const apply = (): readonly string[] => {
    applier.apply();
    return done.splice(0).filter((each) => !each.startsWith('led') || topicName === 't');
  };
  const topicId = Buffer.alloc(16, 't').toString('base64url');
  image.replay({ kind: 'topic', name: topicName, topicId });
  [1, 2, -1].forEach((leader, partitionId) => {
    image.replay({
      kind: 'partition',
      partitionId,
      topicId,
      replicas: [1, 2],
      isr: [1, 2],
      removingReplicas: [],
      addingReplicas: [],
      leader,
      leaderEpoch: 4,
      partitionEpoch: 0,
      directories: [],
    } as never);
  });
  const move = (partitionId: number, leader: number): void => {
    image.replay({ kind: 'partitionChange', partitionId, topicId, leader } as never);
  };
  return { image, held, apply, move, topicId };
}

test.each([
  ['__consumer_offsets', 'groups'],
  ['__transaction_state', 'transactions'],
  ['__share_group_state', 'shares'],
])('of %s this broker coordinates what it leads, in its leader epoch, and not what it leads no more', (topic, name) => {
  const { apply, move, image, held, topicId } = open(topic);
  expect(apply()).toEqual([`${name} elected 0 4`, `${name} resigned 1`, `${name} resigned 2`]);
  expect(apply()).toEqual([]);
  move(0, 2);
  move(1, 1);
  expect(apply()).toEqual([`${name} resigned 0`, `${name} elected 1 5`, `${name} resigned 2`]);
  // The same leader in a newer epoch.
  move(1, 1);
  expect(apply()).toContain(`${name} elected 1 6`);
  // Its disk failed.
  held[1]!.log.takeOffline('gone');
  move(1, 1);
  expect(apply()).toContain(`${name} resigned 1`);
  image.replay({ kind: 'removeTopic', topicId });
  expect(apply()).toEqual([`${name} resigned 0`, `${name} resigned 1`, `${name} resigned 2`]);
});

test('share partitions end with the leadership of their partition', () => {
  const { apply, move } = open('t');
  expect(apply()).toEqual(['led 0 4', 'led 1 null', 'led 2 null']);
  move(0, 2);
  expect(apply()).toEqual(['led 0 null', 'led 1 null', 'led 2 null']);
});
