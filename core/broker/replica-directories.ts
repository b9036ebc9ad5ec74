import type { Controller } from '../controller/controller.ts';
import type { ReplicaPlacement } from '../controller/directory-decisions.ts';
import { type ClusterImage, directoryIdOf } from '../controller/image.ts';
import type { Log } from '../log/log.ts';
import type { LogDirectory } from '../log/log-directory.ts';
import type { LogManager } from '../log/log-manager.ts';
import type { ReplicaManager } from '../replica/replica-manager.ts';

/**
 * Keeps the metadata and this broker's log dirs in step (KIP-858): which partition lies where, and which log dir failed.
 *
 * Invariant: what the metadata says of a partition's log dir is where its log was at some time, and soon where it is; a change that finds its way to
 * the metadata late is found again at the next change, since the whole is compared.
 */
export class ReplicaDirectories {
  private readonly image: ClusterImage;
  private readonly nodeId: number;
  private readonly controller: Controller;
  private readonly replicas: ReplicaManager;
  private readonly logManager: LogManager;
  private readonly onProblem: (message: string) => void;
  private isAssigning = false;

  constructor(parts: {
    readonly image: ClusterImage;
    readonly nodeId: number;
    readonly controller: Controller;
    readonly replicas: ReplicaManager;
    readonly logManager: LogManager;
    readonly onProblem: (message: string) => void;
  }) {
    this.image = parts.image;
    this.nodeId = parts.nodeId;
    this.controller = parts.controller;
    this.replicas = parts.replicas;
    this.logManager = parts.logManager;
    this.onProblem = parts.onProblem;
  }

  /** Tells the controller of partitions that lie somewhere else than the metadata says. */
  assign(): void {
    // With one log dir there is nothing to choose, and every new partition is assigned to it.
    if (this.isAssigning || this.logManager.directories.length + this.logManager.failedDirectories.length === 1) return;
    const placements = this.misplaced();
    if (placements.length === 0) return;
    this.isAssigning = true;
    this.controller
      .assignDirectories(this.nodeId, placements)
      .catch((error: unknown) => this.onProblem(`log dirs could not be assigned: ${String(error)}`))
      .finally(() => {
        this.isAssigning = false;
      });
  }

  private misplaced(): ReplicaPlacement[] {
    const found: ReplicaPlacement[] = [];
    for (const { name, topicId, partitions } of this.image.topics.values()) {
      for (const partition of partitions) {
        const directory = this.logManager.directoryOf(name, partition.partition);
        if (directory === null || directory.directoryId === directoryIdOf(partition, this.nodeId)) continue;
        if (!partition.replicas.includes(this.nodeId)) continue;
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

  failed(directory: LogDirectory): void {
    for (const partition of this.replicas.all()) if (partition.log.offline !== null) partition.logFailed();
    this.controller.directoryFailed(this.nodeId, directory.directoryId).catch((error: unknown) => {
      this.onProblem(`${directory.path}: its failure could not be noted: ${String(error)}`);
    });
  }
}
