/** What the metadata says of a partition's replicas, and what a broker asks of the rest of the cluster for their sake. */

export const NO_LEADER = -1;

export interface Leadership {
  /** −1 = none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  /** Rises with every change of the partition in the metadata. */
  readonly partitionEpoch: number;
  readonly inSyncReplicas: readonly number[];
  /** In the order of assignment; those to come and those to go included. */
  readonly replicas: readonly number[];
  readonly addingReplicas: readonly number[];
  readonly removingReplicas: readonly number[];
}

/** The in-sync replicas that a leader wants; epochs tell a broker that restarted from its former self (KIP-903). −1 = not known. */
export interface InSyncReplicaChange {
  readonly topicId: string;
  readonly topic: string;
  readonly partition: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  readonly inSyncReplicas: readonly { readonly brokerId: number; readonly brokerEpoch: number }[];
}

export interface InSyncReplicaAnswer {
  readonly errorCode: number;
  readonly leader?: number;
  readonly leaderEpoch?: number;
  readonly inSyncReplicas?: readonly number[];
  readonly partitionEpoch?: number;
}

/** Asks the controller (AlterPartition). A rejection counts as an error that may pass. */
export interface InSyncReplicaChanger {
  change(change: InSyncReplicaChange): Promise<InSyncReplicaAnswer>;
}

/** What a partition must know of the brokers of the cluster: the image answers. */
export interface BrokersView {
  /** The epoch of a broker that is registered and not fenced; null of any other. */
  liveEpochOf(brokerId: number): number | null;
  /** Whether a broker with that epoch (−1 = any) may come into sync: it lives, is not about to stop, and is not a former self. */
  isEligible(brokerId: number, brokerEpoch: number): boolean;
}

/** What partitions of one broker share. */
export interface ReplicaContext {
  readonly nodeId: number;
  /** This broker's own epoch, −1 before it is registered. */
  brokerEpoch(): number;
  readonly brokers: BrokersView;
  readonly changer: InSyncReplicaChanger;
  /** replica.lag.time.max.ms */
  lagTimeMaxMs(): number;
  /** Monotonic. */
  nowMs(): number;
  after(delayMs: number, action: () => void): void;
  onProblem(message: string): void;
}
