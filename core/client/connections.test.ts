import { expect, test } from 'vitest';
import { SimWorld } from '../ports/sim/world.ts';
import { parseProducerConfig } from './client-config.ts';
import { Connections } from './connections.ts';
import { Metadata } from './metadata.ts';

const node = (nodeId: number, host = `b${nodeId}`) => ({ nodeId, host, port: 9092, rack: null });

function open() {
  const world = new SimWorld({ seed: 3 });
  const { ports } = world.process('client');
  const config = parseProducerConfig({ 'bootstrap.servers': 'b1:9092' });
  const connections = new Connections(ports, config);
  const metadata = new Metadata(ports, config, connections, true);
  return { connections, metadata };
}

/** As if it were connected. */
function connected(connections: Connections, nodeId: number, openCount = 0): void {
  const link = connections.link(nodeId)!;
  Object.defineProperty(link, 'ready', { value: {} });
  Object.defineProperty(link, 'openCount', { value: openCount });
}

test('of brokers that are connected not always the same one is asked, but none that is busier than others', () => {
  const { connections } = open();
  connections.updateBrokers([node(1), node(2), node(3)]);
  connected(connections, 1);
  connected(connections, 2);
  connected(connections, 3, 1);
  const asked = new Set(Array.from({ length: 50 }, () => connections.any().address.host));
  expect([...asked].sort()).toEqual(['b1', 'b2']);
});

test('a leader that an answer named is taken when it is newer and reached somewhere; its broker is known from then on', () => {
  const { connections, metadata } = open();
  const partition = {
    errorCode: 0,
    partitionIndex: 0,
    leaderId: 1,
    leaderEpoch: 3,
    replicaNodes: [1, 2],
    isrNodes: [1],
  };
  const apply = (leaderId: number, leaderEpoch: number) =>
    (metadata as unknown as { apply(response: unknown, wanted: Set<string>): boolean }).apply(
      {
        errorCode: 0,
        clusterId: 'c',
        controllerId: 1,
        brokers: [node(1)],
        topics: [
          {
            errorCode: 0,
            name: 't',
            topicId: 'x',
            isInternal: false,
            partitions: [{ ...partition, leaderId, leaderEpoch, offlineReplicas: [] }],
          },
        ],
      },
      new Set(['t']),
    );
  apply(1, 3);
  const learn = (leaderId: number, leaderEpoch: number, brokers = [node(leaderId)]) =>
    metadata.learnLeader('t', 0, { leaderId, leaderEpoch }, brokers);
  expect([learn(2, 3), learn(2, 2), learn(-1, 9), learn(2, 4, [])]).toEqual([false, false, false, false]);
  expect(connections.link(2)).toBeNull();
  expect(learn(2, 4)).toBe(true);
  expect(metadata.partition('t', 0)).toMatchObject({ leader: 2, leaderEpoch: 4 });
  expect(connections.link(2)!.address.host).toBe('b2');
  expect(metadata.brokers.map(({ nodeId }) => nodeId)).toEqual([1, 2]);
  // An answer of a broker that is behind.
  apply(1, 3);
  expect(metadata.partition('t', 0)).toMatchObject({ leader: 2, leaderEpoch: 4 });
  apply(1, 5);
  expect(metadata.partition('t', 0)).toMatchObject({ leader: 1, leaderEpoch: 5 });
  expect(metadata.learnLeader('unknown', 0, { leaderId: 1, leaderEpoch: 9 }, [])).toBe(false);
});
