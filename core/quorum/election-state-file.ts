import { AtomicFile } from '../log/checkpoint-files.ts';
import type { Files } from '../ports/files.ts';
import type { ElectionState } from './raft-events.ts';

/**
 * `quorum-state`, as Kafka writes it for static voters (data_version 0): the epoch, its leader and this node's vote, replaced whole. `appliedOffset` is
 * always 0, also in Kafka's; the voters are there to be checked.
 */
const FILE_NAME = 'quorum-state';
const NONE: ElectionState = { epoch: 0, leaderId: -1, votedId: -1 };

export class ElectionStateFile {
  private readonly file: AtomicFile;
  private readonly clusterId: string;
  private readonly voterIds: readonly number[];

  constructor(files: Files, directory: string, clusterId: string, voterIds: readonly number[]) {
    this.file = new AtomicFile(files, directory, FILE_NAME);
    this.clusterId = clusterId;
    this.voterIds = voterIds;
  }

  /** Throws, naming the file and the cause, when it is not sound or belongs to other voters. */
  read(): ElectionState {
    const text = this.file.read();
    return text === null ? NONE : this.parse(text);
  }

  private parse(text: string): ElectionState {
    let content: unknown;
    try {
      content = JSON.parse(text);
    } catch {
      throw this.unsound('it is no JSON');
    }
    if (typeof content !== 'object' || content === null) throw this.unsound('it is no JSON object');
    const fields = content as Record<string, unknown>;
    if (fields.data_version !== 0) throw this.unsound(`data_version is ${String(fields.data_version)}, not 0`);
    const { clusterId } = fields;
    if (typeof clusterId === 'string' && clusterId !== '' && clusterId !== this.clusterId) {
      throw this.unsound(`it belongs to cluster ${clusterId}, and this is ${this.clusterId}`);
    }
    const integer = (name: string, least: number): number => {
      const value = fields[name];
      if (!Number.isInteger(value) || (value as number) < least) {
        throw this.unsound(`${name} is ${JSON.stringify(value)}`);
      }
      return value as number;
    };
    this.checkVoters(fields.currentVoters);
    return { epoch: integer('leaderEpoch', 0), leaderId: integer('leaderId', -1), votedId: integer('votedId', -1) };
  }

  private checkVoters(voters: unknown): void {
    if (!Array.isArray(voters)) throw this.unsound('it has no currentVoters');
    const ids = voters.map((voter: unknown) => Number((voter as { voterId?: unknown } | null)?.voterId));
    ids.sort((a, b) => a - b);
    if (ids.length > 0 && ids.join() !== this.voterIds.join()) {
      throw this.unsound(`its voters are ${ids.join(', ')}, and those of the settings ${this.voterIds.join(', ')}`);
    }
  }

  private unsound(cause: string): Error {
    return new Error(`${this.file.path} cannot be used: ${cause}`);
  }

  /** Resolves when it is on the device. */
  write({ epoch, leaderId, votedId }: ElectionState): Promise<void> {
    const content = {
      clusterId: '',
      leaderId,
      leaderEpoch: epoch,
      votedId,
      appliedOffset: 0,
      currentVoters: this.voterIds.map((voterId) => ({ voterId })),
      data_version: 0,
    };
    return this.file.write(JSON.stringify(content));
  }
}
