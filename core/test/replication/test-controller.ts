import { ClusterImage, type PartitionImage } from '../../controller/image.ts';
import {
  decodeMetadataRecord,
  encodeMetadataRecord,
  type MetadataRecord,
  type NewMetadataRecord,
} from '../../controller/records/metadata-record.ts';
import type { SimProcess } from '../../ports/sim/process.ts';
import type { SimRandom } from '../../ports/sim/random.ts';
import type { SimWorld } from '../../ports/sim/world.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import type { InSyncReplicaAnswer, InSyncReplicaChange } from '../../replica/leadership.ts';

/**
 * A controller for simulations of replication: one place that never fails, reached and heard after delays, or not at all while a broker is cut off from
 * it. It decides as Kafka's does: leaders from the in-sync replicas that live, changes of the in-sync replicas by epochs, brokers by their sessions.
 *
 * Every broker hears every record, in order; how late is drawn for each.
 */
export const TOPIC = 't';
export const TOPIC_ID = 'dGhlLXRvcGljLWlkLTAwMA';
const UNCHANGED = -2;
const NOBODY = -1;

/** A broker as the controller meets it. */
export interface Subscriber {
  readonly process: SimProcess;
  /** The records that come next; `position` counts batches. */
  deliver(records: readonly MetadataRecord[]): void;
}

interface Member {
  readonly nodeId: number;
  epoch: number;
  subscriber: Subscriber | null;
  position: number;
  isDelivering: boolean;
}

export class TestController {
  readonly image = new ClusterImage();
  /** Told after every change. */
  onChange: () => void = () => {};
  private readonly world: SimWorld;
  private readonly random: SimRandom;
  private readonly batches: (readonly MetadataRecord[])[] = [];
  private readonly members = new Map<number, Member>();
  private readonly cutOff = new Set<number>();
  private epochCount = 0;

  constructor(world: SimWorld) {
    this.world = world;
    this.random = world.random('controller');
  }

  createTopic(assignments: readonly (readonly number[])[]): void {
    this.emit([
      { kind: 'topic', name: TOPIC, topicId: TOPIC_ID },
      ...assignments.map(
        (replicas, partitionId): NewMetadataRecord => ({
          kind: 'partition',
          topicId: TOPIC_ID,
          partitionId,
          replicas,
          isr: replicas,
          removingReplicas: [],
          addingReplicas: [],
          leader: replicas[0]!,
          leaderEpoch: 0,
          partitionEpoch: 0,
        }),
      ),
    ]);
  }

  get partitions(): readonly PartitionImage[] {
    return this.image.topics.get(TOPIC)?.partitions ?? [];
  }

  epochOf(nodeId: number): number {
    return this.members.get(nodeId)?.epoch ?? -1;
  }

  /** A new life of a broker: what its former self led or was in sync with ends, and from now on it hears the records. Returns the broker epoch. */
  register(nodeId: number, subscriber: Subscriber): number {
    this.fence(nodeId);
    const epoch = ++this.epochCount;
    this.members.set(nodeId, { nodeId, epoch, subscriber, position: 0, isDelivering: false });
    this.emit([
      {
        kind: 'registerBroker',
        brokerId: nodeId,
        incarnationId: TOPIC_ID,
        brokerEpoch: epoch,
        endPoints: [{ name: 'PLAINTEXT', host: `b${nodeId}`, port: 9092, securityProtocol: 0 }],
        features: [],
        rack: `rack-${nodeId}`,
        fenced: true,
        inControlledShutdown: false,
        logDirs: [],
      },
    ]);
    return epoch;
  }

  /** The broker has caught up with the metadata: it may lead. */
  unfence(nodeId: number, epoch: number): void {
    const broker = this.image.brokers.get(nodeId);
    if (broker === undefined || broker.brokerEpoch !== epoch || !broker.isFenced) return;
    this.emit([{ kind: 'brokerRegistrationChange', brokerId: nodeId, brokerEpoch: epoch, fenced: -1 }]);
    const electable = this.partitions.filter((each) => each.leader === NOBODY && each.inSyncReplicas.includes(nodeId));
    this.emit(electable.map((each) => changeOf(each, { leader: nodeId })));
  }

  /** The broker's session ended: it leaves the in-sync replicas, unless it is the last one, and others lead. */
  fence(nodeId: number): void {
    const broker = this.image.brokers.get(nodeId);
    if (broker === undefined || broker.isFenced) return;
    const changes: NewMetadataRecord[] = [
      { kind: 'brokerRegistrationChange', brokerId: nodeId, brokerEpoch: broker.brokerEpoch, fenced: 1 },
    ];
    for (const partition of this.partitions) {
      if (!partition.inSyncReplicas.includes(nodeId)) continue;
      const others = partition.inSyncReplicas.filter((each) => each !== nodeId);
      const isr = others.length === 0 ? partition.inSyncReplicas : others;
      if (partition.leader !== nodeId) changes.push(changeOf(partition, { isr }));
      else changes.push(changeOf(partition, { isr, leader: this.electFrom(partition.replicas, others) }));
    }
    this.emit(changes);
  }

  private electFrom(replicas: readonly number[], inSync: readonly number[]): number {
    return replicas.find((each) => inSync.includes(each) && this.isLive(each)) ?? NOBODY;
  }

  private isLive(nodeId: number): boolean {
    return this.image.brokers.get(nodeId)?.isFenced === false;
  }

  isFenced(nodeId: number): boolean {
    return !this.isLive(nodeId);
  }

  /** Gives the partition to another replica in sync, as a preferred election does. */
  moveLeader(partitionId: number): void {
    const partition = this.partitions[partitionId]!;
    const others = partition.inSyncReplicas.filter((each) => each !== partition.leader && this.isLive(each));
    if (others.length === 0) return;
    this.emit([changeOf(partition, { leader: others[this.random.integer(others.length)]! })]);
  }

  /** One step of a reassignment: the replicas, and those of them that are to come or to go. */
  reassign(
    partitionId: number,
    replicas: readonly number[],
    adding: readonly number[],
    removing: readonly number[],
  ): void {
    const partition = this.partitions[partitionId]!;
    const isr = partition.inSyncReplicas.filter((each) => replicas.includes(each));
    this.emit([{ ...changeOf(partition, { isr }), replicas, addingReplicas: adding, removingReplicas: removing }]);
  }

  alterPartition(nodeId: number, brokerEpoch: number, change: InSyncReplicaChange): InSyncReplicaAnswer {
    const refused = (errorCode: number): InSyncReplicaAnswer => ({ errorCode });
    if (this.epochOf(nodeId) !== brokerEpoch) return refused(ErrorCode.STALE_BROKER_EPOCH);
    const partition = this.partitions[change.partition]!;
    if (change.leaderEpoch < partition.leaderEpoch) return refused(ErrorCode.FENCED_LEADER_EPOCH);
    if (change.leaderEpoch > partition.leaderEpoch) return refused(ErrorCode.NOT_CONTROLLER);
    if (partition.leader !== nodeId) return refused(ErrorCode.INVALID_REQUEST);
    if (change.partitionEpoch < partition.partitionEpoch) return refused(ErrorCode.INVALID_UPDATE_VERSION);
    if (change.partitionEpoch > partition.partitionEpoch) return refused(ErrorCode.NOT_CONTROLLER);
    const isr = change.inSyncReplicas.map((each) => each.brokerId);
    if (!isr.includes(nodeId)) return refused(ErrorCode.INVALID_REQUEST);
    const isIneligible = change.inSyncReplicas.some(
      (each) =>
        !this.isLive(each.brokerId) || (each.brokerEpoch !== -1 && each.brokerEpoch !== this.epochOf(each.brokerId)),
    );
    if (isIneligible) return refused(ErrorCode.INELIGIBLE_REPLICA);
    this.emit([changeOf(partition, { isr })]);
    const after = this.partitions[change.partition]!;
    return {
      errorCode: ErrorCode.NONE,
      leader: after.leader,
      leaderEpoch: after.leaderEpoch,
      inSyncReplicas: after.inSyncReplicas,
      partitionEpoch: after.partitionEpoch,
    };
  }

  /** The broker's request, carried there and back; rejects when it or its answer is lost. */
  ask(nodeId: number, brokerEpoch: number, change: InSyncReplicaChange): Promise<InSyncReplicaAnswer> {
    return new Promise((resolve, reject) => {
      const { process } = this.members.get(nodeId)!.subscriber!;
      const life = process.life;
      const settle = (action: () => void) => {
        if (life.alive) process.spawn(() => action());
      };
      this.world.after(this.delayMs(), () => {
        if (this.cutOff.has(nodeId)) return this.world.after(500, () => settle(() => reject(new Error('no answer'))));
        const answer = this.alterPartition(nodeId, brokerEpoch, change);
        const isLost = this.random.integer(20) === 0;
        this.world.after(this.delayMs(), () => {
          settle(isLost ? () => reject(new Error('the answer was lost')) : () => resolve(answer));
        });
      });
    });
  }

  /** The broker neither hears nor is heard, and its session ends after a while. */
  cut(nodeId: number): void {
    this.cutOff.add(nodeId);
  }

  heal(nodeId: number): void {
    this.cutOff.delete(nodeId);
    this.pump(nodeId);
  }

  private emit(records: readonly NewMetadataRecord[]): void {
    if (records.length === 0) return;
    const batch = records.map((record) => decodeMetadataRecord(encodeMetadataRecord(record))!);
    for (const record of batch) this.image.replay(record);
    this.batches.push(batch);
    this.onChange();
    for (const nodeId of this.members.keys()) this.pump(nodeId);
  }

  private pump(nodeId: number): void {
    const member = this.members.get(nodeId)!;
    if (member.isDelivering || member.position >= this.batches.length || this.cutOff.has(nodeId)) return;
    member.isDelivering = true;
    this.world.after(this.delayMs(), () => {
      member.isDelivering = false;
      if (this.members.get(nodeId) !== member || this.cutOff.has(nodeId)) return;
      const { process } = member.subscriber!;
      const batch = this.batches[member.position]!;
      member.position++;
      if (!process.alive) return;
      process.spawn(() => member.subscriber!.deliver(batch));
      this.pump(nodeId);
    });
  }

  get batchCount(): number {
    return this.batches.length;
  }

  /** Mostly short, now and then long. */
  private delayMs(): number {
    return this.random.integer(12) === 0 ? 20 + this.random.integer(200) : 0.2 + this.random.float() * 5;
  }
}

function changeOf(
  { partition }: PartitionImage,
  change: { readonly isr?: readonly number[]; readonly leader?: number },
): Extract<NewMetadataRecord, { kind: 'partitionChange' }> {
  return {
    kind: 'partitionChange',
    topicId: TOPIC_ID,
    partitionId: partition,
    leader: change.leader ?? UNCHANGED,
    ...(change.isr === undefined ? {} : { isr: change.isr }),
  };
}
