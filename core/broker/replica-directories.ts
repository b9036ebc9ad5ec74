import type { ReplicaPlacement } from '../controller/directory-decisions.ts';
import { type ClusterImage, directoryIdOf } from '../controller/image.ts';
import type { Log } from '../log/log.ts';
import type { LogManager } from '../log/log-manager.ts';
import { ErrorCode, errorOf } from '../protocol/errors.ts';
import { AssignReplicasToDirs } from '../protocol/messages/73-assign-replicas-to-dirs.ts';
import type { ReplicaManager } from '../replica/replica-manager.ts';
import type { ControllerGateway } from './controller-gateway.ts';

/** Assignments of one request. */
const PLACEMENTS_MAX = 2_250;

/**
 * Keeps the metadata and this broker's log dirs in step (KIP-858): which partition lies where, and which log dir failed.
 *
 * Invariant: what the metadata says of a partition's log dir is where its log was at some time, and soon where it is; a change that finds its way to
 * the metadata late is found again at the next change, since the whole is compared.
 */
export class ReplicaDirectories {
  private readonly image: ClusterImage;
  private readonly nodeId: number;
  private readonly gateway: ControllerGateway;
  private readonly brokerEpoch: () => number;
  private readonly onDirectoryFailed: () => void;
  private readonly replicas: ReplicaManager;
  private readonly logManager: LogManager;
  private readonly onProblem: (message: string) => void;
  private isAssigning = false;

  constructor(parts: {
    readonly image: ClusterImage;
    readonly nodeId: number;
    readonly gateway: ControllerGateway;
    readonly brokerEpoch: () => number;
    /** The controller hears of it with the next heartbeat, which should come soon. */
    readonly onDirectoryFailed: () => void;
    readonly replicas: ReplicaManager;
    readonly logManager: LogManager;
    readonly onProblem: (message: string) => void;
  }) {
    this.image = parts.image;
    this.nodeId = parts.nodeId;
    this.gateway = parts.gateway;
    this.brokerEpoch = parts.brokerEpoch;
    this.onDirectoryFailed = parts.onDirectoryFailed;
    this.replicas = parts.replicas;
    this.logManager = parts.logManager;
    this.onProblem = parts.onProblem;
  }

  /** Tells the controller of partitions that lie somewhere else than the metadata says. */
  assign(): void {
    if (this.isAssigning) return;
    const placements = this.misplaced();
    if (placements.length === 0) return;
    this.isAssigning = true;
    this.tell(placements)
      .catch((error: unknown) => this.onProblem(`log dirs could not be assigned: ${String(error)}`))
      .finally(() => {
        this.isAssigning = false;
      });
  }

  private async tell(placements: readonly ReplicaPlacement[]): Promise<void> {
    const directories = new Map<string, Map<string, { partitionIndex: number }[]>>();
    for (const { topicId, partition, directoryId } of placements.slice(0, PLACEMENTS_MAX)) {
      const topics = directories.get(directoryId) ?? new Map<string, { partitionIndex: number }[]>();
      directories.set(directoryId, topics);
      topics.set(topicId, [...(topics.get(topicId) ?? []), { partitionIndex: partition }]);
    }
    const { errorCode } = await this.gateway.askUntil(AssignReplicasToDirs, {
      brokerId: this.nodeId,
      brokerEpoch: this.brokerEpoch(),
      directories: [...directories].map(([id, topics]) => ({
        id,
        topics: [...topics].map(([topicId, partitions]) => ({ topicId, partitions })),
      })),
    });
    if (errorCode !== ErrorCode.NONE) throw new Error(errorOf(errorCode).name);
  }

  private misplaced(): ReplicaPlacement[] {
    const found: ReplicaPlacement[] = [];
    const { directories, failedDirectories } = this.logManager;
    // A new partition of a broker with one log dir is assigned to it; only where the folder is another one than before there is something to say.
    const only = directories.length + failedDirectories.length === 1 ? directories[0]?.directoryId : undefined;
    for (const { name, topicId, partitions } of this.image.topics.values()) {
      for (const partition of partitions) {
        if (!partition.replicas.includes(this.nodeId)) continue;
        const assigned = directoryIdOf(partition, this.nodeId);
        if (assigned === only) continue;
        const directory = this.logManager.directoryOf(name, partition.partition);
        if (directory === null || directory.directoryId === assigned) continue;
        found.push({ topicId, partition: partition.partition, directoryId: directory.directoryId });
      }
    }
    return found;
  }

  /** `log` took the place of the one in another log dir. */
  moved(log: Log): void {
    this.replicas.partition(log.topic, log.partition)?.replaceLog(log);
    this.assign();
  }

  failed(): void {
    for (const partition of this.replicas.all()) if (partition.log.offline !== null) partition.logFailed();
    this.onDirectoryFailed();
  }
}
