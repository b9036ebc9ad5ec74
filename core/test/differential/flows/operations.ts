// What operators ask: log dirs, elections, reassignments, quorum, features, quotas, telemetry; C56 and C57.
import { AlterReplicaLogDirs } from '../../../protocol/messages/34-alter-replica-log-dirs.ts';
import { DescribeLogDirs } from '../../../protocol/messages/35-describe-log-dirs.ts';
import { ElectLeaders } from '../../../protocol/messages/43-elect-leaders.ts';
import { AlterPartitionReassignments } from '../../../protocol/messages/45-alter-partition-reassignments.ts';
import { ListPartitionReassignments } from '../../../protocol/messages/46-list-partition-reassignments.ts';
import { DescribeClientQuotas } from '../../../protocol/messages/48-describe-client-quotas.ts';
import { AlterClientQuotas } from '../../../protocol/messages/49-alter-client-quotas.ts';
import { DescribeQuorum } from '../../../protocol/messages/55-describe-quorum.ts';
import { UpdateFeatures } from '../../../protocol/messages/57-update-features.ts';
import { UnregisterBroker } from '../../../protocol/messages/64-unregister-broker.ts';
import { GetTelemetrySubscriptions } from '../../../protocol/messages/71-get-telemetry-subscriptions.ts';
import { PushTelemetry } from '../../../protocol/messages/72-push-telemetry.ts';
import { each, type Flow, flow, step, type Vars } from '../flow.ts';
import { batch, topic, UNKNOWN_ID, write } from './setup.ts';

export const operations: readonly Flow[] = [
  flow('log dirs', each(DescribeLogDirs), (v, name) => {
    const one = name('one');
    return [
      ...topic(one, 2),
      write(one, batch(['a', 'b'])),
      step(DescribeLogDirs, v, { topics: [{ topic: one, partitions: [0, 1, 9] }] }),
      step(DescribeLogDirs, v, { topics: [{ topic: name('none'), partitions: [0] }] }, { what: 'unknown' }),
      step(DescribeLogDirs, v, { topics: [] }, { what: 'none' }),
    ];
  }),
  flow('move log dirs', each(AlterReplicaLogDirs), (v, name) => {
    const one = name('one');
    const move = (what: string, path: string, topicName = one, partition = 0) =>
      step(
        AlterReplicaLogDirs,
        v,
        { dirs: [{ path, topics: [{ name: topicName, partitions: [partition] }] }] },
        { what },
      );
    return [
      ...topic(one),
      move('nowhere', '/no/such/folder'),
      move('not absolute', 'folder'),
      move('unknown', '/no/such/folder', name('none')),
    ];
  }),
  flow('elections', each(ElectLeaders), (v, name) => {
    const one = name('one');
    const elect = (what: string, topicPartitions: readonly object[] | null, extra: object = {}) =>
      step(ElectLeaders, v, { topicPartitions, timeoutMs: 5000, ...extra }, { what });
    return [
      ...topic(one),
      elect('', [{ topic: one, partitions: [0] }]),
      elect('unknown partition', [{ topic: one, partitions: [9] }]),
      elect('unknown', [{ topic: name('none'), partitions: [0] }]),
      elect('of nobody', []),
      ...(v >= 1
        ? [
            elect('unclean', [{ topic: one, partitions: [0] }], { electionType: 1 }),
            elect('type 9', [{ topic: one, partitions: [0] }], { electionType: 9 }),
          ]
        : []),
    ];
  }),
  flow('reassignments', each(AlterPartitionReassignments), (v, name) => {
    const one = name('one');
    const move = (
      what: string,
      replicas: readonly number[] | null,
      topicName = one,
      partitionIndex = 0,
      extra: object = {},
    ) =>
      step(
        AlterPartitionReassignments,
        v,
        { timeoutMs: 5000, topics: [{ name: topicName, partitions: [{ partitionIndex, replicas }] }], ...extra },
        { what },
      );
    return [
      ...topic(one),
      move('where it is', [1]),
      move('to nobody', [7]),
      move('twice to one', [1, 1]),
      move('to none', []),
      move('to a negative', [-1]),
      move('cancelled, none goes on', null),
      move('unknown', [1], name('none')),
      move('unknown partition', [1], one, 9),
      ...(v >= 1 ? [move('another replication factor', [1, 2], one, 0, { allowReplicationFactorChange: false })] : []),
      step(AlterPartitionReassignments, v, { timeoutMs: 5000, topics: [] }, { what: 'nothing' }),
    ];
  }),
  flow('list reassignments', each(ListPartitionReassignments), (v, name) => [
    ...topic(name('one')),
    step(ListPartitionReassignments, v, { timeoutMs: 5000, topics: null }, { what: 'all' }),
    step(ListPartitionReassignments, v, { timeoutMs: 5000, topics: [{ name: name('one'), partitionIndexes: [0] }] }),
    step(
      ListPartitionReassignments,
      v,
      { timeoutMs: 5000, topics: [{ name: name('none'), partitionIndexes: [0] }] },
      { what: 'unknown' },
    ),
  ]),
  flow('quorum', each(DescribeQuorum), (v) => {
    const ask = (what: string, topicName: string, partitionIndex: number) =>
      step(DescribeQuorum, v, { topics: [{ topicName, partitions: [{ partitionIndex }] }] }, { what });
    return [
      ask('', '__cluster_metadata', 0),
      ask('another topic', 'x', 0),
      ask('another partition', '__cluster_metadata', 1),
      step(DescribeQuorum, v, { topics: [] }, { what: 'none' }),
    ];
  }),
  flow('features', each(UpdateFeatures), (v) => {
    const update = (what: string, feature: string, maxVersionLevel: number, extra: object = {}, body: object = {}) =>
      step(
        UpdateFeatures,
        v,
        { timeoutMs: 5000, featureUpdates: [{ feature, maxVersionLevel, ...extra }], ...body },
        { what },
      );
    const checked = v >= 1 ? { validateOnly: true } : {};
    return [
      update('as it is', 'transaction.version', 2),
      update('unknown', 'no.such', 1),
      update('too high', 'group.version', 99),
      update('down without leave', 'transaction.version', 1),
      update('negative', 'group.version', -1),
      update('no name', '', 1),
      ...(v >= 1
        ? [
            update('down, checked', 'share.version', 0, { upgradeType: 2 }, checked),
            update('upgrade type 9', 'group.version', 1, { upgradeType: 9 }),
          ]
        : []),
      step(UpdateFeatures, v, { timeoutMs: 5000, featureUpdates: [] }, { what: 'none' }),
    ];
  }),
  flow('unregister', each(UnregisterBroker), (v) => [step(UnregisterBroker, v, { brokerId: 77 }, { what: 'unknown' })]),
  flow('quotas', each(AlterClientQuotas), (v, name) => {
    const user = name('user');
    const alter = (what: string, entity: readonly object[], ops: readonly object[], extra: object = {}) =>
      step(AlterClientQuotas, v, { entries: [{ entity, ops }], validateOnly: false, ...extra }, { what });
    const of = [{ entityType: 'user', entityName: user }];
    const set = (key: string, value: number) => [{ key, value, remove: false }];
    return [
      alter('only checked', of, set('producer_byte_rate', 1e9), { validateOnly: true }),
      alter('set', of, set('producer_byte_rate', 1e9)),
      alter('client id', [{ entityType: 'client-id', entityName: name('client') }], set('consumer_byte_rate', 2e9)),
      alter('both', [...of, { entityType: 'client-id', entityName: name('client') }], set('request_percentage', 200)),
      alter('an unknown key', of, set('no.such', 1)),
      alter('a negative value', of, set('producer_byte_rate', -1)),
      alter('an unknown type', [{ entityType: 'shoe', entityName: 'x' }], set('producer_byte_rate', 1)),
      alter('no entity', [], set('producer_byte_rate', 1)),
      alter('an empty name', [{ entityType: 'user', entityName: '' }], set('producer_byte_rate', 1)),
      alter('an address', [{ entityType: 'ip', entityName: '10.1.2.3' }], set('connection_creation_rate', 100)),
      alter(
        'an address with a wrong key',
        [{ entityType: 'ip', entityName: '10.1.2.3' }],
        set('producer_byte_rate', 100),
      ),
      alter(
        'a bad address',
        [{ entityType: 'ip', entityName: 'not an address' }],
        set('connection_creation_rate', 100),
      ),
      alter(
        'an address and a user',
        [{ entityType: 'ip', entityName: '10.1.2.3' }, ...of],
        set('connection_creation_rate', 100),
      ),
      step(
        DescribeClientQuotas,
        atMostOne(v),
        { components: [{ entityType: 'user', matchType: 0, match: user }], strict: false },
        { until: ({ entries }) => entries?.length === 2 },
      ),
      step(
        DescribeClientQuotas,
        atMostOne(v),
        { components: [{ entityType: 'user', matchType: 0, match: user }], strict: true },
        { what: 'strictly' },
      ),
      step(
        AlterClientQuotas,
        v,
        {
          entries: [{ entity: of, ops: [{ key: 'producer_byte_rate', value: 0, remove: true }] }],
          validateOnly: false,
        },
        { what: 'removed' },
      ),
      step(
        AlterClientQuotas,
        v,
        { entries: [of, of].map((entity) => ({ entity, ops: set('producer_byte_rate', 1e9) })), validateOnly: true },
        { what: 'twice' },
      ),
    ];
  }),
  flow('describe quotas', each(DescribeClientQuotas), (v, name) => {
    const ask = (what: string, components: readonly object[], strict = false) =>
      step(DescribeClientQuotas, v, { components, strict }, { what });
    return [
      ask('of nobody', [{ entityType: 'user', matchType: 0, match: name('nobody') }]),
      ask('the default', [{ entityType: 'user', matchType: 1, match: null }], true),
      ask('an unknown type', [{ entityType: 'shoe', matchType: 0, match: 'x' }]),
      ask('no type', [{ entityType: '', matchType: 0, match: 'x' }]),
      ask('one type twice', [
        { entityType: 'user', matchType: 0, match: 'x' },
        { entityType: 'user', matchType: 0, match: 'y' },
      ]),
      ask('no name', [{ entityType: 'user', matchType: 0, match: null }]),
      ask('a way of matching that is none', [{ entityType: 'user', matchType: 9, match: 'x' }]),
      ask('a name where none belongs', [{ entityType: 'user', matchType: 1, match: 'x' }]),
    ];
  }),
  flow('telemetry', [0], () => [
    step(
      GetTelemetrySubscriptions,
      0,
      { clientInstanceId: 'AAAAAAAAAAAAAAAAAAAAAA' },
      {
        save: (answer, vars) => {
          vars.instance = answer.clientInstanceId;
          vars.subscription = answer.subscriptionId;
        },
      },
    ),
    step(PushTelemetry, 0, (vars: Vars) => ({
      clientInstanceId: vars.instance,
      subscriptionId: vars.subscription,
      terminating: false,
      compressionType: 0,
      metrics: Buffer.from([]),
    })),
    step(
      PushTelemetry,
      0,
      (vars: Vars) => ({
        clientInstanceId: vars.instance,
        subscriptionId: vars.subscription + 1,
        terminating: false,
        compressionType: 0,
        metrics: Buffer.from([1]),
      }),
      { what: 'an unknown subscription' },
    ),
    step(
      PushTelemetry,
      0,
      {
        clientInstanceId: 'AAAAAAAAAAAAAAAAAAAAAA',
        subscriptionId: 1,
        terminating: false,
        compressionType: 0,
        metrics: Buffer.from([1]),
      },
      { what: 'without an id' },
    ),
    step(
      PushTelemetry,
      0,
      {
        clientInstanceId: UNKNOWN_ID,
        subscriptionId: 1,
        terminating: false,
        compressionType: 9,
        metrics: Buffer.from([1]),
      },
      { what: 'compression 9' },
    ),
  ]),
];

const atMostOne = (v: number): number => Math.min(v, DescribeClientQuotas.request.versionMax);
