import { rejected } from '../log/append-result.ts';
import { Log } from '../log/log.ts';
import { DEFAULT_LOG_CONFIG } from '../log/log-config.ts';
import type { Ports } from '../ports/ports.ts';
import { ErrorCode } from '../protocol/errors.ts';
import type { Partition } from '../replica/partition.ts';

/** For tests: a partition over a log of its own whose commits and leadership the test moves. */
export class ControlledPartition {
  readonly topic: string;
  readonly partition: number;
  readonly log: Log;
  leaderEpoch = 0;
  isLeader = true;
  /** Commits at once. */
  isAuto = true;
  /** What appends are refused with. */
  refusal: number = ErrorCode.NONE;
  private readonly listeners = new Set<() => void>();

  constructor(ports: Ports, topic: string, partition = 0) {
    this.topic = topic;
    this.partition = partition;
    this.log = new Log({
      files: ports.files,
      clock: ports.clock,
      random: ports.random,
      directory: `/${topic}-${partition}`,
      topic,
      partition,
      config: DEFAULT_LOG_CONFIG,
      isClean: true,
      recoveryPoint: 0,
      logStartOffset: 0,
      highWatermark: 0,
      onProblem: () => {},
    });
  }

  /** As the rooms of the broker see it. */
  get it(): Partition {
    return this as unknown as Partition;
  }

  get highWatermark(): number {
    return this.log.highWatermark;
  }

  get listenerCount(): number {
    return this.listeners.size;
  }

  check(leaderEpoch: number): number {
    if (leaderEpoch >= 0 && leaderEpoch < this.leaderEpoch) return ErrorCode.FENCED_LEADER_EPOCH;
    return this.isLeader ? ErrorCode.NONE : ErrorCode.NOT_LEADER_OR_FOLLOWER;
  }

  append(records: Buffer, _acks: number, origin: 'client' | 'coordinator') {
    const problem = this.refusal === ErrorCode.NONE ? this.check(-1) : this.refusal;
    if (problem !== ErrorCode.NONE) return { result: rejected(problem, ''), flushed: null };
    const result = this.log.append(records, this.leaderEpoch, origin);
    if (this.isAuto) this.commit();
    return { result, flushed: null };
  }

  commit(offset = this.log.logEndOffset): void {
    if (this.log.updateHighWatermark(offset)) this.notify();
  }

  /** Another broker leads it. */
  lose(): void {
    this.leaderEpoch++;
    this.isLeader = false;
    this.notify();
  }

  /** This broker leads it, in a new epoch. */
  lead(): void {
    this.leaderEpoch++;
    this.isLeader = true;
    this.notify();
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private notify(): void {
    for (const listener of [...this.listeners]) listener();
  }
}
