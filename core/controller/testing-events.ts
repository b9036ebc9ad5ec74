import fc from 'fast-check';
import { alterPartitions } from './alter-partition-decisions.ts';
import { type UncleanAllowed, uncleanAllowed } from './broker-facts.ts';
import { alterConfigs } from './config-decisions.ts';
import type { Decision } from './decision.ts';
import { assignDirectories, failDirectory } from './directory-decisions.ts';
import { balanceLeaders, electLeaders, electUncleanLeaders } from './election.ts';
import { fenceBroker, heartbeat } from './heartbeat-decisions.ts';
import { ClusterImage } from './image.ts';
import { reassignPartitions } from './reassignment-decisions.ts';
import { registerBroker, registerController, unregisterBroker } from './registration-decisions.ts';
import { idOf, replay, rulesWith } from './testing.ts';
import { createPartitions, createTopics, deleteTopics } from './topic-decisions.ts';

/** For property tests: whatever may happen to a cluster of five brokers with two log dirs each and three topics, in any order. */
export type ClusterEvent =
  | { readonly kind: 'register'; readonly broker: number; readonly isNewLife: boolean; readonly lostDirectories: 0 | 1 }
  | { readonly kind: 'heartbeat'; readonly broker: number; readonly wants: Wants; readonly isCaughtUp: boolean }
  | {
      readonly kind: 'loseDirectory';
      readonly broker: number;
      readonly directory: number;
      readonly byHeartbeat: boolean;
    }
  | { readonly kind: 'silence' | 'unregister'; readonly broker: number }
  | { readonly kind: 'createTopic'; readonly topic: number; readonly partitions: number; readonly factor: number }
  | { readonly kind: 'createPartitions' | 'deleteTopic'; readonly topic: number }
  | { readonly kind: 'alterPartition'; readonly at: number; readonly isr: readonly number[]; readonly stale: boolean }
  | { readonly kind: 'reassign'; readonly at: number; readonly replicas: readonly number[] | null }
  | { readonly kind: 'assignDirectory'; readonly at: number; readonly broker: number; readonly directory: number }
  | { readonly kind: 'elect'; readonly isUnclean: boolean }
  | { readonly kind: 'balance' | 'electUnclean' | 'registerController' }
  | { readonly kind: 'allowUnclean'; readonly topic: number; readonly isAllowed: boolean };

type Wants = 'serve' | 'fence' | 'stop';

const broker = fc.integer({ min: 1, max: 5 });
const topic = fc.nat(2);
const at = fc.nat(30);
const brokers = fc.uniqueArray(broker, { minLength: 1, maxLength: 4 });
const wants = fc.constantFrom<Wants>('serve', 'serve', 'serve', 'fence', 'stop');

export const CLUSTER_EVENT: fc.Arbitrary<ClusterEvent> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('register' as const),
      broker,
      isNewLife: fc.boolean(),
      lostDirectories: fc.constantFrom(0, 0, 1),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('heartbeat' as const),
      broker,
      wants,
      isCaughtUp: fc.constantFrom(true, true, false),
    }),
  },
  fc.record({ kind: fc.constant('loseDirectory' as const), broker, directory: fc.nat(1), byHeartbeat: fc.boolean() }),
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('silence' as const, 'silence' as const, 'unregister' as const),
      broker,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('createTopic' as const),
      topic,
      partitions: fc.integer({ min: 1, max: 4 }),
      factor: fc.integer({ min: 1, max: 4 }),
    }),
  },
  fc.record({ kind: fc.constantFrom('createPartitions' as const, 'deleteTopic' as const), topic }),
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('alterPartition' as const),
      at,
      isr: brokers,
      stale: fc.constantFrom(false, false, true),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('reassign' as const), at, replicas: fc.option(brokers, { freq: 3 }) }),
  },
  fc.record({ kind: fc.constant('assignDirectory' as const), at, broker, directory: fc.nat(1) }),
  fc.record({ kind: fc.constant('elect' as const), isUnclean: fc.constantFrom(false, false, true) }),
  fc.record({ kind: fc.constantFrom('balance' as const, 'electUnclean' as const, 'registerController' as const) }),
  fc.record({ kind: fc.constant('allowUnclean' as const), topic, isAllowed: fc.boolean() }),
);

const directoriesOf = (brokerId: number) => [idOf(100 + brokerId), idOf(200 + brokerId)];
const BALANCE_PERCENTAGE = 10;

/** A cluster in which events happen one after another, each decided on what came of those before. */
export class EventfulCluster {
  readonly image = new ClusterImage();
  readonly allowed: UncleanAllowed;
  private readonly rules = rulesWith();
  private offset = 0;
  private lives = 0;

  constructor() {
    this.allowed = uncleanAllowed(this.image, this.rules);
  }

  happen(event: ClusterEvent): void {
    for (let isContinued = false; ; isContinued = true) {
      const { records, isPartial } = this.decide(event, isContinued);
      this.offset += records.length;
      replay(this.image, records);
      if (isPartial !== true) return;
    }
  }

  private decide(event: ClusterEvent, isContinued: boolean): Decision<unknown> {
    const { image, allowed } = this;
    switch (event.kind) {
      case 'register':
        return this.register(event.broker, event.isNewLife, event.lostDirectories);
      case 'heartbeat':
        return this.heartbeat(event.broker, event.wants, event.isCaughtUp, [], isContinued);
      case 'loseDirectory': {
        const directoryId = directoriesOf(event.broker)[event.directory]!;
        if (!event.byHeartbeat) return failDirectory(image, allowed, event.broker, directoryId);
        return this.heartbeat(event.broker, 'serve', true, [directoryId], isContinued);
      }
      case 'silence':
        return fenceBroker(image, allowed, event.broker);
      case 'unregister':
        return unregisterBroker(image, allowed, event.broker);
      case 'createTopic':
        return createTopics(
          image,
          [
            {
              name: `t${event.topic}`,
              partitionCount: event.partitions,
              replicationFactor: event.factor,
              assignments: [],
              configs: [],
            },
          ],
          { partitionCount: 1, replicationFactor: 1 },
          this.draws(),
        );
      case 'createPartitions': {
        const name = `t${event.topic}`;
        const count = (image.topics.get(name)?.partitions.length ?? 0) + 1;
        return createPartitions(image, [{ name, count, assignments: null }], this.draws());
      }
      case 'deleteTopic':
        return deleteTopics(image, [{ name: `t${event.topic}`, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }]);
      case 'alterPartition':
        return this.alterPartition(event.at, event.isr, event.stale);
      case 'reassign': {
        const found = this.partitionAt(event.at);
        if (found === null) return NOTHING;
        const wanted = [{ name: found.name, partition: found.partition, replicas: event.replicas }];
        return reassignPartitions(image, allowed, wanted, true);
      }
      case 'assignDirectory': {
        const found = this.partitionAt(event.at);
        if (found === null) return NOTHING;
        const directoryId = directoriesOf(event.broker)[event.directory]!;
        const placements = [{ topicId: found.topicId, partition: found.partition, directoryId }];
        return assignDirectories(image, allowed, event.broker, placements);
      }
      case 'elect':
        return electLeaders(image, event.isUnclean ? 'unclean' : 'preferred', null);
      case 'balance':
        return balanceLeaders(image, BALANCE_PERCENTAGE);
      case 'electUnclean':
        return electUncleanLeaders(image, allowed);
      case 'registerController':
        return registerController({ controllerId: 9, incarnationId: idOf(this.offset), listeners: [], features: [] });
      case 'allowUnclean': {
        const name = 'unclean.leader.election.enable';
        const change = { name, operation: 0, value: String(event.isAllowed) };
        const resource = { resourceType: 2, resourceName: `t${event.topic}`, changes: [change] };
        return alterConfigs(image, [resource], this.rules, 'incremental');
      }
    }
  }

  /** Of all partitions, which there are few of, the one at that place. */
  partitionAt(place: number): { readonly name: string; readonly topicId: string; readonly partition: number } | null {
    const all = [...this.image.topics.values()].flatMap(({ name, topicId, partitions }) =>
      partitions.map(({ partition }) => ({ name, topicId, partition })),
    );
    return all[place % Math.max(1, all.length)] ?? null;
  }

  private register(brokerId: number, isNewLife: boolean, lostDirectories: number): Decision<unknown> {
    const existing = this.image.brokers.get(brokerId);
    const incarnationId = isNewLife || existing === undefined ? idOf(5000 + this.lives++) : existing.incarnationId;
    return registerBroker(
      this.image,
      this.allowed,
      {
        brokerId,
        incarnationId,
        endPoints: [{ name: 'PLAINTEXT', host: 'h', port: 9000 + brokerId }],
        rack: `r${brokerId % 2}`,
        logDirs: directoriesOf(brokerId).slice(lostDirectories),
      },
      { clusterId: null, nextEpoch: this.offset, hasSession: false },
    );
  }

  private heartbeat(
    brokerId: number,
    wanted: Wants,
    isCaughtUp: boolean,
    offlineLogDirs: readonly string[],
    isContinued: boolean,
  ): Decision<unknown> {
    const brokerEpoch = this.image.brokers.get(brokerId)?.brokerEpoch ?? -1;
    return heartbeat(
      this.image,
      this.allowed,
      {
        brokerId,
        brokerEpoch,
        currentMetadataOffset: isCaughtUp ? this.offset : -1,
        wantFence: wanted === 'fence',
        wantShutDown: wanted === 'stop',
        offlineLogDirs,
      },
      { lowestActiveOffset: this.offset, shutdownOffset: 0, isContinued },
    );
  }

  private alterPartition(place: number, isr: readonly number[], stale: boolean): Decision<unknown> {
    const found = this.partitionAt(place);
    if (found === null) return NOTHING;
    const before = this.image.topicById(found.topicId)!.partitions[found.partition]!;
    const leader = this.image.brokers.get(before.leader);
    if (leader === undefined) return NOTHING;
    const ids = [...new Set([leader.brokerId, ...isr.filter((id) => before.replicas.includes(id))])];
    const alteration = {
      partitionIndex: found.partition,
      leaderEpoch: before.leaderEpoch - (stale ? 1 : 0),
      inSyncReplicas: ids.map((brokerId) => ({
        brokerId,
        brokerEpoch: this.image.brokers.get(brokerId)?.brokerEpoch ?? -1,
      })),
      leaderRecoveryState: 0,
      partitionEpoch: before.partitionEpoch,
    };
    return alterPartitions(this.image, this.allowed, {
      brokerId: leader.brokerId,
      brokerEpoch: leader.brokerEpoch,
      topics: [{ topicId: found.topicId, partitions: [alteration] }],
    });
  }

  private draws() {
    let drawn = this.offset;
    return {
      topicId: () => idOf(20_000 + this.offset),
      integer: (bound: number) => (drawn = (drawn * 31 + 7) % 1009) % bound,
    };
  }
}

const NOTHING: Decision<undefined> = { records: [], response: undefined };
