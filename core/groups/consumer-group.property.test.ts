import { fc, test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import { ConsumerGroup, type ConsumerMember } from './consumer-group.ts';
import { decodeConsumerGroupRecord, encodeConsumerGroupRecord } from './consumer-group-records.ts';
import {
  type ConsumerGroupEnvironment,
  type HeartbeatOutcome,
  heartbeat,
  leaveGroup,
  removeMembers,
} from './consumer-heartbeat.ts';
import { countOf, partitionsOf, samePartitions, type TopicPartitions, type TopicsView } from './topic-partitions.ts';

/**
 * A group under members that come, go, fall silent, change their minds and lose answers. Each model client holds what it was told and not yet gave up; no two
 * live clients ever hold one partition, and once nothing changes any more all converge on the target.
 */
const MEMBERS = 4;
const TOPICS = ['a', 'b', 'c'];

interface Client {
  readonly memberId: string;
  epoch: number;
  names: readonly string[];
  holds: TopicPartitions;
  isJoined: boolean;
  /** What it was told last, and will hold once it has given up the rest. */
  told: TopicPartitions;
}

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('beat' as const), who: fc.nat(MEMBERS - 1), isLost: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('join' as const), who: fc.nat(MEMBERS - 1), names: fc.subarray(TOPICS) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('subscribe' as const),
      who: fc.nat(MEMBERS - 1),
      names: fc.subarray(TOPICS),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), who: fc.nat(MEMBERS - 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('timeOut' as const), who: fc.nat(MEMBERS - 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('grow' as const), topic: fc.constantFrom(...TOPICS) }) },
);

class Model {
  readonly group = new ConsumerGroup('g');
  readonly log: ReturnType<typeof encodeConsumerGroupRecord>[] = [];
  readonly clients: Client[] = Array.from({ length: MEMBERS }, (_, i) => ({
    memberId: `m${i}`,
    epoch: 0,
    names: [],
    holds: new Map(),
    told: new Map(),
    isJoined: false,
  }));
  private readonly counts = new Map([
    ['a', 3],
    ['b', 1],
  ]);
  private isStale = true;
  private now = 1000;

  readonly topics: TopicsView = {
    byName: (name) => {
      const partitionCount = this.counts.get(name);
      return partitionCount === undefined ? undefined : { topicId: id(name), partitionCount };
    },
    nameOf: (topicId) => TOPICS.find((name) => id(name) === topicId),
    names: () => this.counts.keys(),
  };

  private env(): ConsumerGroupEnvironment {
    const limits = {
      sessionTimeoutMs: 1,
      heartbeatIntervalMs: 1,
      assignmentIntervalMs: 10,
      sizeMax: 10,
      migrationPolicy: 'disabled' as const,
      assignors: ['uniform'],
    };
    return { limits, topics: this.topics, metadataVersion: 1, isMetadataStale: this.isStale, wallNowMs: this.now };
  }

  private store(outcome: Extract<HeartbeatOutcome, { kind: 'accepted' }>): void {
    for (const record of outcome.records) {
      this.group.replay(record);
      this.log.push(encodeConsumerGroupRecord(record));
    }
  }

  grow(topic: string): void {
    this.counts.set(topic, (this.counts.get(topic) ?? 0) + 1);
    this.isStale = true;
  }

  beat(client: Client, isFirst: boolean, isLost: boolean, isFull = isFirst): void {
    this.now += 4;
    // It gives up what it was not told to keep, and then says what it has.
    client.holds = isFirst ? new Map() : intersection(client.holds, client.told);
    const outcome = heartbeat(
      this.group,
      {
        memberId: client.memberId,
        memberEpoch: isFirst ? 0 : client.epoch,
        instanceId: null,
        rackId: null,
        rebalanceTimeoutMs: isFull ? 1000 : -1,
        clientId: 'c',
        clientHost: '/h',
        subscribedTopicNames: isFull ? client.names : null,
        subscribedTopicRegex: null,
        serverAssignor: null,
        owned: client.holds,
        requiresMemberId: true,
      },
      this.env(),
    );
    this.isStale = false;
    if (outcome.kind === 'refused') {
      // Fenced: it gives up everything, and joins again later.
      client.isJoined = false;
      client.holds = new Map();
      return;
    }
    this.store(outcome);
    client.isJoined = true;
    if (isLost) return;
    client.epoch = outcome.answer.memberEpoch;
    if (outcome.answer.assignment === null) return;
    client.told = outcome.answer.assignment;
    // New partitions are only in an answer once it may have them: it takes them at once.
    const holds = union(client.holds, client.told);
    client.holds = holds;
    this.check();
  }

  leave(client: Client): void {
    client.holds = new Map();
    client.isJoined = false;
    const outcome = leaveGroup(this.group, { ...LEAVING, memberId: client.memberId }, this.env());
    if (outcome.kind === 'accepted') this.store(outcome);
  }

  timeOut(client: Client): void {
    client.holds = new Map();
    client.isJoined = false;
    if (!this.group.members.has(client.memberId)) return;
    for (const record of removeMembers(this.group, [client.memberId], this.env())) {
      this.group.replay(record);
      this.log.push(encodeConsumerGroupRecord(record));
    }
  }

  check(): void {
    const holders = new Map<string, string>();
    for (const client of this.clients) {
      for (const [topicId, partition] of partitionsOf(client.holds)) {
        const key = `${topicId}-${partition}`;
        expect(holders.get(key), `${key} is ${client.memberId}'s`).toBeUndefined();
        holders.set(key, client.memberId);
      }
    }
  }
}

const LEAVING = {
  memberEpoch: -1,
  instanceId: null,
  rackId: null,
  rebalanceTimeoutMs: -1,
  clientId: 'c',
  clientHost: '/h',
  subscribedTopicNames: null,
  subscribedTopicRegex: null,
  serverAssignor: null,
  owned: null,
  requiresMemberId: true,
} as const;

const id = (name: string): string => `${name.repeat(20)}AA`;

function intersection(a: TopicPartitions, b: TopicPartitions): TopicPartitions {
  return new Map([...a].map(([topicId, each]) => [topicId, each.intersection(b.get(topicId) ?? new Set())]));
}

function union(a: TopicPartitions, b: TopicPartitions): TopicPartitions {
  const all = new Map(a);
  for (const [topicId, each] of b) all.set(topicId, each.union(a.get(topicId) ?? new Set()));
  return all;
}

const plain = (member: ConsumerMember) => ({
  ...member,
  assigned: [...partitionsOf(member.assigned)].map(String).sort(),
  pendingRevocation: [...partitionsOf(member.pendingRevocation)].map(String).sort(),
});

property.prop([fc.array(step, { maxLength: 60 })], { numRuns: 100 })(
  'a partition has one owner at a time, members converge, and the log holds the group',
  (steps) => {
    const model = new Model();
    for (const each of steps) {
      if (each.kind === 'grow') {
        model.grow(each.topic);
        continue;
      }
      const client = model.clients[each.who]!;
      switch (each.kind) {
        case 'beat':
          if (client.isJoined) model.beat(client, false, each.isLost);
          break;
        case 'join':
          client.names = each.names;
          if (!client.isJoined) model.beat(client, true, false);
          break;
        case 'subscribe':
          client.names = each.names;
          if (client.isJoined) model.beat(client, false, false, true);
          break;
        case 'leave':
          model.leave(client);
          break;
        case 'timeOut':
          model.timeOut(client);
          break;
      }
      model.check();
    }
    // Nothing changes any more: everyone is where the target is within few rounds, and nobody idles beside free partitions.
    for (let round = 0; round < 8; round++) {
      for (const client of model.clients) {
        if (client.isJoined) model.beat(client, false, false, true);
        else if (model.group.members.has(client.memberId)) model.timeOut(client);
        model.check();
      }
    }
    for (const client of model.clients) {
      if (!client.isJoined) model.beat(client, true, false);
    }
    for (let round = 0; round < 8; round++) for (const client of model.clients) model.beat(client, false, false, true);
    expect(model.group.state).toBe('Stable');
    const all = model.clients.reduce((sum, client) => sum + countOf(client.holds), 0);
    const subscribed = [...model.group.subscribedTopics()].reduce(
      (sum, name) => sum + (model.topics.byName(name)?.partitionCount ?? 0),
      0,
    );
    expect(all).toBe(subscribed);
    for (const client of model.clients) {
      expect(samePartitions(client.holds, model.group.targets.get(client.memberId)!)).toBe(true);
    }
    const restored = new ConsumerGroup('g');
    for (const { key, value } of model.log) restored.replay(decodeConsumerGroupRecord(key, value)!);
    expect([...restored.members.values()].map(plain)).toEqual([...model.group.members.values()].map(plain));
    expect([restored.groupEpoch, restored.assignmentEpoch, restored.metadataHash, restored.state]).toEqual([
      model.group.groupEpoch,
      model.group.assignmentEpoch,
      model.group.metadataHash,
      model.group.state,
    ]);
  },
);
