import { expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import { updateFeatures } from './feature-decisions.ts';
import { NO_LEADER } from './image.ts';
import {
  type BrokerToRegister,
  registerBroker,
  registerController,
  unregisterBroker,
} from './registration-decisions.ts';
import { addBroker, addTopic, cluster, idOf, leadership, NEVER, replay } from './testing.ts';

const CONTEXT = { clusterId: 'c', nextEpoch: 500, hasSession: false };

function broker(change: Partial<BrokerToRegister> = {}): BrokerToRegister {
  return {
    brokerId: 1,
    clusterId: 'c',
    incarnationId: idOf(77),
    endPoints: [{ name: 'PLAINTEXT', host: 'h', port: 9 }],
    rack: 'r',
    logDirs: [idOf(101)],
    ...change,
  };
}

test.each<[string, Partial<BrokerToRegister>, number]>([
  ['another cluster', { clusterId: 'd' }, ErrorCode.INCONSISTENT_CLUSTER_ID],
  ['no listener', { endPoints: [] }, ErrorCode.INVALID_REGISTRATION],
  [
    'a listener twice',
    { endPoints: [1, 2].map((port) => ({ name: 'A', host: 'h', port })) },
    ErrorCode.INVALID_REGISTRATION,
  ],
  ['no log dir', { logDirs: [] }, ErrorCode.INVALID_REGISTRATION],
  ['a log dir twice', { logDirs: [idOf(101), idOf(101)] }, ErrorCode.INVALID_REGISTRATION],
  ["another broker's log dir", { logDirs: [idOf(102)] }, ErrorCode.INVALID_REGISTRATION],
  ['a reserved log dir', { logDirs: ['AAAAAAAAAAAAAAAAAAAAAQ'] }, ErrorCode.INVALID_REGISTRATION],
  [
    'too old for a finalized feature',
    { features: [{ name: 'metadata.version', minSupportedVersion: 1, maxSupportedVersion: 24 }] },
    ErrorCode.UNSUPPORTED_VERSION,
  ],
  ['no range of metadata.version', { features: [] }, ErrorCode.UNSUPPORTED_VERSION],
])('a broker that may not register: %s', (_, change, errorCode) => {
  const image = cluster(2);
  replay(image, [{ kind: 'featureLevel', name: 'metadata.version', featureLevel: 25 }]);
  const { records, response } = registerBroker(image, NEVER, broker(change), CONTEXT);
  expect(response).toMatchObject({ errorCode, brokerEpoch: -1 });
  expect(response.errorMessage).not.toBe('');
  expect(records).toEqual([]);
});

test('a new broker is fenced, and its epoch is the offset of its record', () => {
  const image = cluster(0);
  const { records, response } = registerBroker(image, NEVER, broker(), CONTEXT);
  expect(response).toMatchObject({ errorCode: 0, brokerEpoch: 500 });
  expect(records[0]).toMatchObject({ kind: 'registerBroker', brokerEpoch: 500 });
  replay(image, records);
  expect(image.brokers.get(1)).toMatchObject({ isFenced: true, isInControlledShutdown: false, rack: 'r' });
  expect(image.liveBrokers()).toEqual([]);
});

test('while the broker is alive, only the same life of it may register again', () => {
  const image = cluster(1);
  const rival = registerBroker(image, NEVER, broker(), { ...CONTEXT, hasSession: true });
  expect(rival.response.errorCode).toBe(ErrorCode.DUPLICATE_BROKER_REGISTRATION);
  const same = registerBroker(image, NEVER, broker({ incarnationId: idOf(1) }), { ...CONTEXT, hasSession: true });
  expect(same.response).toMatchObject({ errorCode: 0, brokerEpoch: 101 });
  replay(image, same.records);
  expect(image.brokers.get(1)).toMatchObject({ isFenced: false, brokerEpoch: 101, rack: 'r' });
});

test('KIP-320: a new life leads nothing of what the last one led', () => {
  const image = cluster(2);
  addTopic(image, 't', [{ replicas: [1, 2] }, { replicas: [1] }, { replicas: [2, 1] }]);
  replay(image, registerBroker(image, NEVER, broker(), CONTEXT).records);
  expect(leadership(image, 't')).toEqual([
    [2, 6, [2]],
    [NO_LEADER, 6, [1]],
    [2, 5, [2]],
  ]);
});

test('what lay in a log dir that is gone is made anew where the broker says that it has all of its log dirs', () => {
  const gone = [idOf(555)];
  for (const [hasOfflineLogDirs, directory] of [
    [false, idOf(101)],
    [true, idOf(555)],
    [undefined, idOf(555)],
  ] as const) {
    const image = cluster(1);
    addTopic(image, 't', [{ replicas: [1], directories: gone }]);
    replay(image, registerBroker(image, NEVER, broker({ hasOfflineLogDirs }), CONTEXT).records);
    expect(image.topics.get('t')!.partitions[0]).toMatchObject({ leader: NO_LEADER, directories: [directory] });
  }
});

test('a broker leaves for good: it is in sync only where nobody else is', () => {
  const image = cluster(3);
  addTopic(image, 't', [{ replicas: [1, 2] }, { replicas: [2, 1] }, { replicas: [1] }]);
  expect(unregisterBroker(image, NEVER, 9).response.errorCode).toBe(ErrorCode.BROKER_ID_NOT_REGISTERED);
  replay(image, unregisterBroker(image, NEVER, 1).records);
  expect(image.brokers.has(1)).toBe(false);
  expect(leadership(image, 't')).toEqual([
    [2, 6, [2]],
    [2, 5, [2]],
    [NO_LEADER, 6, [1]],
  ]);
});

test('a feature level has to be supported by every controller and broker that says what it supports', () => {
  const image = cluster(1);
  const supported = [{ name: 'group.version', minVersion: 0, maxVersion: 1 }];
  const update = [{ feature: 'group.version', level: 1, upgradeType: 1 }];
  expect(updateFeatures(image, 1, supported, update).response.errorCode).toBe(0);
  const features = [{ name: 'group.version', minSupportedVersion: 0, maxSupportedVersion: 0 }];
  replay(image, registerController({ controllerId: 3, incarnationId: idOf(3), listeners: [], features }).records);
  const { response } = updateFeatures(image, 1, supported, update);
  expect(response.errorCode).toBe(ErrorCode.INVALID_UPDATE_VERSION);
  expect(response.errorMessage).toContain('Controller 3 only supports versions 0-0');
});

test('a log dir that two brokers share tells of a copied disk', () => {
  const image = cluster(1);
  addBroker(image, 2, { logDirs: [idOf(300), idOf(301)] });
  const { response } = registerBroker(image, NEVER, broker({ logDirs: [idOf(101), idOf(301)] }), CONTEXT);
  expect(response.errorMessage).toBe(`Broker 2 is already registered with directory ${idOf(301)}`);
});
