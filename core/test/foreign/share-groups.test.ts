// Share groups (KIP-932) as Apache Kafka's own share consumer knows them: what is delivered, to whom, how often, and what survives.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { IncrementalAlterConfigs } from '../../protocol/messages/44-incremental-alter-configs.ts';
import { batchOf, createTopic, produce, Wire } from '../behaviours/wire.ts';
import { disposeClean } from './data-folder.ts';
import { type ForeignBroker, freshName, owned, skipped, startBroker } from './harness.ts';
import { dataFiles, dumpLog, kafkaClasspath } from './java.ts';
import { type Delivered, ShareProbe } from './share-probe.ts';

const at = kafkaClasspath();
const missing = 'missing' in at ? at.missing : owned ? undefined : 'the broker is not owned by the tests';
if (missing !== undefined) skipped('share groups', missing);

const GROUP_RESOURCE = 32;
const offsetsOf = (records: readonly Delivered[]) => records.map((each) => each.offset);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe.skipIf(missing !== undefined)('share groups', { timeout: 90_000 }, () => {
  let broker: ForeignBroker;
  let probe: ShareProbe;
  let wire: Wire;

  beforeAll(async () => {
    broker = await startBroker({
      steady: true,
      set: {
        'group.share.min.record.lock.duration.ms': 1000,
        'group.share.min.heartbeat.interval.ms': 100,
        'group.share.heartbeat.interval.ms': 300,
        'group.share.assignment.interval.ms': 0,
        'share.coordinator.snapshot.update.records.per.snapshot': 2,
        'offsets.topic.num.partitions': 4,
        'offsets.topic.replication.factor': 1,
        'share.coordinator.state.topic.num.partitions': 4,
        'share.coordinator.state.topic.replication.factor': 1,
        'share.coordinator.state.topic.min.isr': 1,
      },
    });
    probe = new ShareProbe();
    wire = await Wire.open(broker);
  });
  afterAll(async () => {
    probe?.dispose();
    wire?.close();
    await disposeClean(broker, 'share-groups');
  });

  /** A topic with records, and a group that begins at its start. */
  const begin = async (recordCount: number, settings: Record<string, string | number> = {}) => {
    const topic = freshName('share');
    const group = freshName('group');
    await createTopic(wire, topic, 1);
    const configs = Object.entries({ 'share.auto.offset.reset': 'earliest', ...settings });
    await wire.ask(IncrementalAlterConfigs, 1, {
      resources: [
        {
          resourceType: GROUP_RESOURCE,
          resourceName: group,
          configs: configs.map(([name, value]) => ({ name, configOperation: 0, value: String(value) })),
        },
      ],
      validateOnly: false,
    });
    for (let i = 0; i < recordCount; i++) await produce(wire, topic, batchOf([String(i)]));
    return { topic, group };
  };
  const explicit = { 'share.acknowledgement.mode': 'explicit' };

  test('implicit acknowledgement: the next poll accepts; nobody gets it again', async () => {
    const { topic, group } = await begin(20);
    const first = await probe.open(broker.bootstrap, group, topic);
    expect(offsetsOf(await first.pollSome())).toEqual(range(0, 19));
    expect(await first.commit()).toEqual(['']);
    await first.close();
    const second = await probe.open(broker.bootstrap, group, topic);
    await produce(wire, topic, batchOf(['new']));
    expect(offsetsOf(await second.pollSome())).toEqual([20]);
    await second.close();
  });

  test('explicit acknowledgement: accepted and rejected are over, released comes again, at most as often as the limit says', async () => {
    const { topic, group } = await begin(10, { 'share.delivery.count.limit': 2 });
    const member = await probe.open(broker.bootstrap, group, topic, explicit);
    expect(offsetsOf(await member.pollSome())).toEqual(range(0, 9));
    await member.acknowledge('ACCEPT', 0, 1, 2, 3, 8);
    await member.acknowledge('REJECT', 4, 9);
    await member.acknowledge('RELEASE', 5, 6, 7);
    expect(await member.commit()).toEqual(['']);
    const again = await member.pollSome();
    expect(again).toEqual([5, 6, 7].map((offset) => ({ offset, deliveryCount: 2 })));
    await member.acknowledge('ACCEPT', 5);
    await member.acknowledge('RELEASE', 6, 7);
    expect(await member.commit()).toEqual(['']);
    await produce(wire, topic, batchOf(['new']));
    expect(await member.pollSome()).toEqual([{ offset: 10, deliveryCount: 1 }]);
    await member.acknowledge('ACCEPT', 10);
    await member.close();
  });

  test('two members share one partition; a lock that is over and a member that leaves give records back', async () => {
    const { topic, group } = await begin(12, { 'share.record.lock.duration.ms': 4000 });
    const limit = { ...explicit, 'share.acquire.mode': 'record_limit', 'max.poll.records': 6 };
    const slow = await probe.open(broker.bootstrap, group, topic, limit);
    const quick = await probe.open(broker.bootstrap, group, topic, limit);
    const ofSlow = await slow.pollSome();
    const ofQuick = await quick.pollSome();
    expect(offsetsOf([...ofSlow, ...ofQuick]).sort((a, b) => a - b)).toEqual(range(0, 11));
    // One keeps its locks alive, the other forgets.
    await quick.acknowledge('RENEW', ...offsetsOf(ofQuick));
    expect(await quick.commit()).toEqual(['']);
    expect(await quick.pollSome()).toEqual(ofQuick);
    await quick.acknowledge('ACCEPT', ...offsetsOf(ofQuick));
    expect(await quick.commit()).toEqual(['']);
    const again = await quick.pollSome();
    expect(again).toEqual(ofSlow.map(({ offset }) => ({ offset, deliveryCount: 2 })));
    await quick.close();
    const third = await probe.open(broker.bootstrap, group, topic, explicit);
    const last = await third.pollSome();
    expect(last).toEqual(ofSlow.map(({ offset }) => ({ offset, deliveryCount: 3 })));
    await third.acknowledge('ACCEPT', ...offsetsOf(last));
    await third.close();
    await slow.close();
  });

  test('kill −9 of the broker: what was acknowledged does not come again, all else does', async () => {
    const { topic, group } = await begin(15);
    const member = await probe.open(broker.bootstrap, group, topic, {
      ...explicit,
      'max.poll.records': 5,
      'share.acquire.mode': 'record_limit',
    });
    const done = new Set<number>();
    const first = await member.pollSome();
    await member.acknowledge('ACCEPT', ...offsetsOf(first).slice(0, 3));
    await member.acknowledge('RELEASE', ...offsetsOf(first).slice(3));
    expect(await member.commit()).toEqual(['']);
    for (const { offset } of first.slice(0, 3)) done.add(offset);
    await broker.kill();
    await broker.restart();
    const counts = new Map<number, number>();
    for (const endMs = Date.now() + 40_000; done.size < 15 && Date.now() < endMs; ) {
      const records = await member.poll(1000).catch(() => []);
      for (const { offset, deliveryCount } of records) {
        expect(done.has(offset), `${offset} was acknowledged`).toBe(false);
        counts.set(offset, deliveryCount);
      }
      if (records.length === 0) continue;
      await member.acknowledge('ACCEPT', ...offsetsOf(records));
      const problems = await member.commit();
      if (problems.every((each) => each === '')) for (const { offset } of records) done.add(offset);
    }
    expect([...done].sort((a, b) => a - b)).toEqual(range(0, 14));
    // The count of what was released is kept; what was only acquired counts as never delivered.
    expect(counts.get(first[3]!.offset)).toBe(2);
    await member.close();
  });

  test('dump-log reads the state of all of it', async () => {
    await broker.stop();
    const folders = readdirSync(broker.dataDir).filter((name) => name.startsWith('__share_group_state-'));
    const logs = dataFiles(broker.dataDir).logs.filter((path) =>
      folders.some((name) => path.includes(join(name, '0'))),
    );
    const dumped = await dumpLog(logs, '--share-group-state-decoder', '--deep-iteration');
    expect(dumped.complaints).toEqual([]);
    expect(dumped.records).toBeGreaterThan(10);
    expect(dumped.stdout).toMatch(/"snapshotEpoch":1,/);
  });
});
