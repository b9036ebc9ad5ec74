import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { ClusterImage } from './image.ts';
import { addBroker, addTopic, cluster, idOf, replay } from './testing.ts';
import { CLUSTER_EVENT, EventfulCluster } from './testing-events.ts';

/** Everything that an image says. */
function contents(image: ClusterImage) {
  return {
    brokers: [...image.brokers.entries()],
    controllers: [...image.controllers.entries()],
    topics: [...image.topics.entries()],
    ids: [...image.topics.values()].map(({ topicId, name }) => [image.topicById(topicId)?.name, name]),
    configs: [...image.allConfigs()].map((each) => ({ ...each, configs: [...each.configs] })),
    features: [...image.features].sort(),
    nextProducerId: image.nextProducerId,
    quotas: [...image.clientQuotas.entities()].map(({ entity, values }) => [[...entity], [...values]]),
    scram: image.scramCredentials.users().map((user) => [user, [...image.scramCredentials.of(user)]]),
  };
}

function fullImage(): ClusterImage {
  const image = cluster(2);
  addBroker(image, 3, { fenced: true, rack: 'r', logDirs: [idOf(1), idOf(2)] });
  addBroker(image, 4, { inControlledShutdown: true });
  addTopic(image, 'a', [
    { replicas: [1, 2, 3], adding: [3], removing: [1], isr: [1, 2], leaderRecoveryState: 1 },
    { replicas: [1], isr: [], leader: -1, eligibleLeaderReplicas: [1] },
  ]);
  replay(image, [
    { kind: 'featureLevel', name: 'share.version', featureLevel: 1 },
    { kind: 'featureLevel', name: 'metadata.version', featureLevel: 25 },
    { kind: 'config', resourceType: 2, resourceName: 'a', name: 'retention.ms', value: '1' },
    { kind: 'config', resourceType: 32, resourceName: 'a:b', name: 'consumer.session.timeout.ms', value: '45000' },
    { kind: 'config', resourceType: 4, resourceName: '', name: 'log.cleaner.threads', value: '2' },
    {
      kind: 'registerController',
      controllerId: 7,
      incarnationId: idOf(7),
      zkMigrationReady: false,
      endPoints: [{ name: 'CONTROLLER', host: 'h', port: 9, securityProtocol: 0 }],
      features: [{ name: 'metadata.version', minSupportedVersion: 1, maxSupportedVersion: 25 }],
    },
    { kind: 'producerIds', brokerId: 1, brokerEpoch: 101, nextProducerId: 4000 },
    {
      kind: 'clientQuota',
      entity: [{ entityType: 'user', entityName: null }],
      key: 'producer_byte_rate',
      value: 5.5,
      remove: false,
    },
    {
      kind: 'userScramCredential',
      name: 'u',
      mechanism: 1,
      salt: Buffer.from('s'),
      storedKey: Buffer.from('k'),
      serverKey: Buffer.from('v'),
      iterations: 4096,
    },
  ]);
  return image;
}

test('a snapshot rebuilds the image, metadata.version first; reset forgets all of it', () => {
  const image = fullImage();
  const before = contents(image);
  const records = [...image.toRecords()];
  expect(records[0]).toEqual({ kind: 'featureLevel', name: 'metadata.version', featureLevel: 25 });
  const rebuilt = new ClusterImage();
  replay(rebuilt, records);
  expect(contents(rebuilt)).toEqual(before);
  const revision = image.clientQuotas.revision;
  image.reset();
  expect(contents(image)).toEqual(contents(new ClusterImage()));
  // Whoever derived something from the quotas looks again.
  expect(image.clientQuotas.revision).toBeGreaterThan(revision);
  replay(image, records);
  expect(contents(image)).toEqual(before);
});

test('records of fencing that older controllers wrote are understood', () => {
  const image = cluster(1);
  replay(image, [{ kind: 'fenceBroker', id: 1, epoch: 101 }]);
  expect(image.brokers.get(1)!.isFenced).toBe(true);
  replay(image, [{ kind: 'unfenceBroker', id: 1, epoch: 101 }]);
  expect(image.brokers.get(1)!.isFenced).toBe(false);
});

property.prop([fc.array(CLUSTER_EVENT, { minLength: 1, maxLength: 60 })], { numRuns: 200 })(
  'whatever happened: the snapshot of the image rebuilds it',
  (events) => {
    const cluster = new EventfulCluster();
    for (const brokerId of [1, 2, 3]) {
      cluster.happen({ kind: 'register', broker: brokerId, isNewLife: true, lostDirectories: 0 });
      cluster.happen({ kind: 'heartbeat', broker: brokerId, wants: 'serve', isCaughtUp: true });
    }
    for (const event of events) cluster.happen(event);
    const rebuilt = new ClusterImage();
    replay(rebuilt, [...cluster.image.toRecords()]);
    expect(contents(rebuilt)).toEqual(contents(cluster.image));
  },
);
