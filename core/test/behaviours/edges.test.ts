// What the other files of this folder leave of C9–C49: limits of the server, a first use, a restart, a member that gives up, bytes that are nobody's business.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Produce } from '../../protocol/messages/00-produce.ts';
import { Fetch } from '../../protocol/messages/01-fetch.ts';
import { ListOffsets } from '../../protocol/messages/02-list-offsets.ts';
import { Metadata } from '../../protocol/messages/03-metadata.ts';
import { OffsetCommit } from '../../protocol/messages/08-offset-commit.ts';
import { OffsetFetch } from '../../protocol/messages/09-offset-fetch.ts';
import { FindCoordinator } from '../../protocol/messages/10-find-coordinator.ts';
import { JoinGroup } from '../../protocol/messages/11-join-group.ts';
import { Heartbeat } from '../../protocol/messages/12-heartbeat.ts';
import { SyncGroup } from '../../protocol/messages/14-sync-group.ts';
import { DeleteTopics } from '../../protocol/messages/20-delete-topics.ts';
import { OffsetForLeaderEpoch } from '../../protocol/messages/23-offset-for-leader-epoch.ts';
import { DescribeConfigs } from '../../protocol/messages/32-describe-configs.ts';
import { DescribeTopicPartitions } from '../../protocol/messages/75-describe-topic-partitions.ts';
import { recordsOf } from '../../protocol/record.ts';
import { batchesIn, RecordBatch } from '../../protocol/record-batch.ts';
import { eventually, type ForeignBroker, freshName, owned, skipped, startBroker } from '../foreign/harness.ts';
import { batchOf, createTopic, fetch, fetchBody, findCoordinator, produce, Wire } from './wire.ts';

const initialDelayMs = 600;
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);

/** Puts the right CRC into a batch that was changed by hand. */
function sign(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(new RecordBatch(bytes).computeCrc(), 17);
  return bytes;
}

const needsOwned = !owned && skipped('edges', 'an external broker cannot be given settings');
describe.skipIf(needsOwned)('edges', { timeout: 60_000 }, () => {
  let broker: ForeignBroker;
  let wire: Wire;
  let other: Wire;

  beforeAll(async () => {
    broker = await startBroker({
      set: {
        'group.initial.rebalance.delay.ms': initialDelayMs,
        'group.max.size': 2,
        'max.request.partition.size.limit': 3,
      },
    });
    wire = await Wire.open(broker);
    other = await Wire.open(broker);
  });
  afterAll(async () => {
    wire?.close();
    other?.close();
    await broker?.dispose();
  });

  const end = async (topic: string) => (await fetch(wire, topic, 0)).highWatermark;

  test('C45 internal topics are made on first use: 15 until then', async () => {
    const names = async () => (await wire.ask(Metadata, 12, { topics: null })).topics.map(({ name }) => name);
    expect(await names()).toEqual([]);
    for (const [keyType, topic] of [
      [0, '__consumer_offsets'],
      [1, '__transaction_state'],
    ] as const) {
      await eventually(topic, async () => {
        const { coordinators } = await wire.ask(FindCoordinator, 4, { keyType, coordinatorKeys: ['first'] });
        expect([0, 15]).toContain(coordinators[0]!.errorCode);
        return coordinators[0]!.errorCode === 0;
      });
      const [made] = (await wire.ask(Metadata, 12, { topics: [{ name: topic }] })).topics;
      expect([made!.errorCode, made!.isInternal, made!.partitions.length]).toEqual([0, true, 50]);
      // C23: nobody but the coordinators writes them.
      expect((await produce(wire, topic, batchOf(['a']))).errorCode).toBe(17);
    }
  });

  test('C7 C15 C26 C44 C46 C54 the defaults are Kafka’s, and secrets have no value', async () => {
    const defaults = {
      'socket.request.max.bytes': '104857600',
      'connections.max.idle.ms': '600000',
      'max.request.partition.size.limit': '2000',
      'transaction.max.timeout.ms': '900000',
      'offset.metadata.max.bytes': '4096',
      'offsets.retention.minutes': '10080',
      'group.initial.rebalance.delay.ms': '3000',
    };
    const configurationKeys = [...Object.keys(defaults), 'ssl.keystore.password'];
    const { brokers } = await wire.ask(Metadata, 12, { topics: [] });
    const resources = [{ resourceType: 4, resourceName: String(brokers[0]!.nodeId), configurationKeys }];
    const { results } = await wire.ask(DescribeConfigs, 4, { resources, includeSynonyms: true });
    const byName = new Map(results[0]!.configs.map((each) => [each.name, each]));
    for (const [name, value] of Object.entries(defaults)) {
      const theirs = byName.get(name)!.synonyms.find(({ source }) => source === 5);
      expect([name, theirs?.value]).toEqual([name, value]);
    }
    expect(byName.get('ssl.keystore.password')).toMatchObject({ isSensitive: true, value: null });
  });

  test('C9 without the server’s flag no request creates a topic', async () => {
    const topics = [{ name: freshName('c9') }];
    for (let tries = 0; tries < 3; tries++) {
      const answer = await wire.ask(Metadata, 12, { topics, allowAutoTopicCreation: true });
      expect(answer.topics[0]!.errorCode).toBe(3);
    }
  });

  test('C14 a stale id: 100 to a write; a fetch session that goes on is told 3, and 103 once the name has another id', async () => {
    const name = freshName('c14');
    const stale = await createTopic(wire, name);
    const [wanted] = fetchBody([{ topic: name, offset: 0 }]).topics;
    const body = { ...fetchBody([], { sessionEpoch: 0 }), topics: [{ ...wanted!, topicId: stale }] };
    const { sessionId } = await wire.ask(Fetch, 13, body);
    await wire.ask(DeleteTopics, 6, { topics: [{ name: null, topicId: stale }], timeoutMs: 5000 });
    await eventually('gone', async () => {
      const { topics } = await wire.ask(Metadata, 12, { topics: [{ name }] });
      return topics[0]!.errorCode === 3;
    });
    const goOn = async (sessionEpoch: number) => {
      const { responses } = await wire.ask(Fetch, 13, fetchBody([], { sessionId, sessionEpoch }));
      return responses.map(({ topicId, partitions }) => [topicId, partitions[0]!.errorCode]);
    };
    expect(await goOn(1)).toEqual([[stale, 3]]);
    const fresh = await createTopic(wire, name);
    const write = async (topicId: string) => {
      const topicData = [{ topicId, partitionData: [{ index: 0, records: batchOf(['a']) }] }];
      const { responses } = await wire.ask(Produce, 13, { acks: -1, timeoutMs: 5000, topicData });
      return responses[0]!.partitionResponses[0]!.errorCode;
    };
    expect([await write(stale), await write(fresh)]).toEqual([100, 0]);
    expect(await goOn(2)).toEqual([[stale, 103]]);
  });

  test('C15 the server’s limit is above the request’s', async () => {
    const name = freshName('c15');
    await createTopic(wire, name, 5);
    const page = (cursor: { topicName: string; partitionIndex: number } | null) =>
      wire.ask(DescribeTopicPartitions, 0, { topics: [{ name }], responsePartitionLimit: 2000, cursor });
    const first = await page(null);
    expect(first.topics[0]!.partitions.map(({ partitionIndex }) => partitionIndex)).toEqual([0, 1, 2]);
    const second = await page(first.nextCursor);
    expect(second.topics[0]!.partitions.map(({ partitionIndex }) => partitionIndex)).toEqual([3, 4]);
    expect(second.nextCursor).toBeNull();
  });

  test('C18 a compressed block that cannot be read, or holds another count, never reaches the log', async () => {
    const topic = freshName('c18');
    await createTopic(wire, topic);
    for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const whole = batchOf(['a'.repeat(50), 'b'.repeat(50)], { compression });
      const garbage = Buffer.from(whole);
      garbage.fill(0x5a, 61 + 4);
      expect((await produce(wire, topic, sign(garbage))).errorCode, compression).not.toBe(0);
      const lies = Buffer.from(whole);
      lies.writeInt32BE(3, 57);
      lies.writeInt32BE(2, 23);
      expect((await produce(wire, topic, sign(lies))).errorCode, compression).toBe(87);
      expect(await end(topic)).toBe(0);
    }
  });

  test('C20 the largest timestamp of a batch is that of its records, whatever the producer wrote there', async () => {
    const topic = freshName('c20');
    await createTopic(wire, topic);
    const now = Date.now();
    const bytes = batchOf([{ timestamp: now, value: 'a' }]);
    bytes.writeBigInt64BE(BigInt(now) + 86_400_000_000n, 35);
    expect((await produce(wire, topic, sign(bytes))).errorCode).toBe(0);
    const [batch] = batchesIn((await fetch(wire, topic, 0)).records!);
    expect([batch!.maxTimestamp, batch!.isCrcValid]).toEqual([now, true]);
  });

  test('C22 what is packed anew with snappy has the framing that every client reads', async () => {
    const topic = freshName('c22');
    await createTopic(wire, topic, 1, { 'compression.type': 'snappy' });
    expect((await produce(wire, topic, batchOf(['a'.repeat(100)]))).errorCode).toBe(0);
    const [batch] = batchesIn((await fetch(wire, topic, 0)).records!);
    expect(batch!.recordBytes.subarray(0, 8)).toEqual(XERIAL);
    expect([...recordsOf(batch!)].map(({ value }) => value!.toString())).toEqual(['a'.repeat(100)]);
  });

  test('C41 −5, the last tiered offset: none', async () => {
    const topic = freshName('c41');
    await createTopic(wire, topic);
    const partitions = [{ partitionIndex: 0, timestamp: -5 }];
    const { topics } = await wire.ask(ListOffsets, 9, { replicaId: -1, topics: [{ name: topic, partitions }] });
    expect(topics[0]!.partitions[0]).toMatchObject({ errorCode: 0, offset: -1, timestamp: -1 });
  });

  test('C44 an id that no topic has: 100, to commits and to those who ask for them', async () => {
    const groupId = freshName('c44');
    await findCoordinator(wire, groupId);
    const topicId = 'AAAAAAAAAAAAAAAAAAAAEg';
    const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }];
    const committed = await wire.ask(OffsetCommit, 10, { groupId, memberId: '', topics: [{ topicId, partitions }] });
    expect(committed.topics[0]!.partitions[0]!.errorCode).toBe(100);
    const groups = [{ groupId, topics: [{ topicId, partitionIndexes: [0] }] }];
    const found = await wire.ask(OffsetFetch, 10, { groups });
    expect(found.groups[0]!.topics[0]!.partitions[0]!.errorCode).toBe(100);
  });

  interface Joining {
    readonly groupInstanceId?: string | null;
    readonly metadata?: Buffer;
    readonly rebalanceTimeoutMs?: number;
  }
  const joinBody = (groupId: string, memberId: string, options: Joining = {}) => ({
    groupId,
    memberId,
    groupInstanceId: options.groupInstanceId ?? null,
    sessionTimeoutMs: 6000,
    rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? 5000,
    protocolType: 'wire',
    protocols: [{ name: 'range', metadata: options.metadata ?? Buffer.from('m') }],
  });
  /** Through 79. */
  async function join(at: Wire, groupId: string, options: Joining = {}) {
    const { memberId } = await at.ask(JoinGroup, 9, joinBody(groupId, '', options));
    return { memberId, answer: at.send(JoinGroup, 9, joinBody(groupId, memberId, options)) };
  }
  const sync = (at: Wire, groupId: string, generationId: number, memberId: string, given: Record<string, Buffer>) =>
    at.ask(SyncGroup, 5, {
      groupId,
      generationId,
      memberId,
      protocolType: 'wire',
      protocolName: 'range',
      assignments: Object.entries(given).map(([id, assignment]) => ({ memberId: id, assignment })),
    });
  const heartbeat = async (groupId: string, generationId: number, memberId: string, groupInstanceId?: string) => {
    const body = { groupId, generationId, memberId, groupInstanceId: groupInstanceId ?? null };
    return (await wire.ask(Heartbeat, 4, body)).errorCode;
  };

  test('C46 C49 a new group waits for more members, no more than group.max.size (81); metadata and assignments are opaque', async () => {
    const groupId = freshName('c46');
    await findCoordinator(wire, groupId);
    const opaque = [Buffer.from(Array.from({ length: 256 }, (_, i) => 255 - i)), Buffer.alloc(0)];
    const began = Date.now();
    const first = await join(wire, groupId, { metadata: opaque[0]! });
    const second = await join(other, groupId, { metadata: opaque[1]! });
    const [one, two] = [await first.answer(), await second.answer()];
    expect(Date.now() - began).toBeGreaterThanOrEqual(initialDelayMs - 10);
    expect([one.generationId, two.generationId]).toEqual([1, 1]);
    const [leader, follower] = one.leader === one.memberId ? [one, two] : [two, one];
    const metadataOf = new Map(leader.members.map(({ memberId, metadata }) => [memberId, metadata]));
    expect([metadataOf.get(one.memberId), metadataOf.get(two.memberId)]).toEqual(opaque);
    const third = await Wire.open(broker);
    const refused = await third.ask(JoinGroup, 9, joinBody(groupId, ''));
    const code =
      refused.errorCode === 79
        ? (await third.ask(JoinGroup, 9, joinBody(groupId, refused.memberId))).errorCode
        : refused.errorCode;
    expect(code).toBe(81);
    third.close();
    const [atLeader, atFollower] = leader === one ? [wire, other] : [other, wire];
    const assigned = { [leader.memberId]: opaque[0]!, [follower.memberId]: opaque[1]! };
    const mine = await sync(atLeader, groupId, 1, leader.memberId, assigned);
    const others = await sync(atFollower, groupId, 1, follower.memberId, {});
    expect([mine.assignment, others.assignment]).toEqual(opaque);
  });

  test('C47 a member that gives up in the middle of a rebalance does not wedge the group', async () => {
    const groupId = freshName('c47');
    const options = { rebalanceTimeoutMs: 500 };
    const { memberId, answer } = await join(wire, groupId, options);
    expect((await answer()).errorCode).toBe(0);
    await sync(wire, groupId, 1, memberId, { [memberId]: Buffer.from('all') });
    const quitter = await Wire.open(broker);
    await join(quitter, groupId, options);
    await eventually('a rebalance', async () => (await heartbeat(groupId, 1, memberId)) === 27);
    quitter.close();
    let rejoined = await wire.ask(JoinGroup, 9, joinBody(groupId, memberId, options));
    expect(rejoined.errorCode).toBe(0);
    const generation = rejoined.generationId;
    if (rejoined.members.length > 1) {
      await sync(wire, groupId, generation, memberId, { [memberId]: Buffer.from('half') });
      await eventually('without the other', async () => (await heartbeat(groupId, generation, memberId)) === 27);
      rejoined = await wire.ask(JoinGroup, 9, joinBody(groupId, memberId, options));
    }
    expect(rejoined.members.map((each) => each.memberId)).toEqual([memberId]);
    const alone = await sync(wire, groupId, rejoined.generationId, memberId, { [memberId]: Buffer.from('all') });
    expect([alone.errorCode, alone.assignment.toString()]).toEqual([0, 'all']);
    expect(await heartbeat(groupId, rejoined.generationId, memberId)).toBe(0);
  });

  test('C48 a static member comes back with the same subscription: no rebalance, and the old one gets 82', async () => {
    const groupId = freshName('c48');
    const options = { groupInstanceId: 'seat 1' };
    const first = await wire.ask(JoinGroup, 9, joinBody(groupId, '', options));
    expect([first.errorCode, first.generationId]).toEqual([0, 1]);
    await sync(wire, groupId, 1, first.memberId, { [first.memberId]: Buffer.from('mine') });
    const again = await other.ask(JoinGroup, 9, joinBody(groupId, '', options));
    expect([again.errorCode, again.generationId, again.memberId === first.memberId]).toEqual([0, 1, false]);
    const kept = await sync(other, groupId, 1, again.memberId, {});
    expect([kept.errorCode, kept.assignment.toString()]).toEqual([0, 'mine']);
    expect(await heartbeat(groupId, 1, again.memberId, 'seat 1')).toBe(0);
    expect(await heartbeat(groupId, 1, first.memberId, 'seat 1')).toBe(82);
  });

  test('C39 C42 after a restart the leader has a new epoch: 74 for the old one, its end, and where a log diverges', async () => {
    const topic = freshName('c39');
    await createTopic(wire, topic);
    await produce(wire, topic, batchOf(['a', 'b']));
    const epochOf = async () =>
      (await wire.ask(Metadata, 12, { topics: [{ name: topic }] })).topics[0]!.partitions[0]!.leaderEpoch;
    const before = await epochOf();
    await broker.stop();
    await broker.restart();
    wire.close();
    wire = await Wire.open(broker);
    await eventually('the partition is led', async () => (await fetch(wire, topic, 0)).errorCode === 0);
    const now = await epochOf();
    expect(now).toBeGreaterThan(before);
    expect((await produce(wire, topic, batchOf(['c', 'd']))).baseOffset).toBe(2);
    expect((await fetch(wire, topic, 0, { currentLeaderEpoch: before })).errorCode).toBe(74);
    expect((await fetch(wire, topic, 0, { currentLeaderEpoch: now })).errorCode).toBe(0);
    const ask = async (leaderEpoch: number) => {
      const partitions = [{ partition: 0, leaderEpoch, currentLeaderEpoch: -1 }];
      const { topics } = await wire.ask(OffsetForLeaderEpoch, 4, { topics: [{ topic, partitions }] });
      return [topics[0]!.partitions[0]!.leaderEpoch, topics[0]!.partitions[0]!.endOffset];
    };
    expect([await ask(before), await ask(now)]).toEqual([
      [before, 2],
      [now, 4],
    ]);
    const diverged = await fetch(wire, topic, 3, { lastFetchedEpoch: before });
    expect([diverged.errorCode, diverged.divergingEpoch]).toMatchObject([0, { epoch: before, endOffset: 2 }]);
    expect(diverged.records?.length ?? 0).toBe(0);
  });
});
