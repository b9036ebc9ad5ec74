import type { Clock, Timer } from '../../ports/clock.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { Heartbeat } from '../../protocol/messages/12-heartbeat.ts';
import type { ConsumerConfig } from '../client-config.ts';
import type { Committer } from '../group-offsets.ts';
import type { CoordinatorLink } from './coordinator-link.ts';

/**
 * The heartbeats of a member, and the watch over its polls: who does not poll within max.poll.interval.ms gives up its place.
 *
 * Invariants: one timer, one request under way; an answer about a membership that is over is not told.
 * What an answer means is for the coordinator to say.
 */
export interface HeartbeatMember {
  readonly isMember: boolean;
  readonly isJoining: boolean;
  readonly committer: Committer;
  /** In how many ms the next one is due; null: none. */
  onHeartbeat(code: number): number | null;
  /** Never rejects. */
  onPollTimeout(): Promise<void>;
}

export class Heartbeats {
  private readonly clock: Clock;
  private readonly config: ConsumerConfig;
  private readonly link: CoordinatorLink;
  private readonly member: HeartbeatMember;
  private timer: Timer | null = null;
  private isInFlight = false;
  private lastAnswerMs = 0;
  private lastPollMs = 0;
  private isPolling = false;
  private closed = false;

  constructor(clock: Clock, config: ConsumerConfig, link: CoordinatorLink, member: HeartbeatMember) {
    this.clock = clock;
    this.config = config;
    this.link = link;
    this.member = member;
  }

  /** Poll begins or ends: between the two max.poll.interval.ms does not run. */
  polling(isPolling: boolean): void {
    this.isPolling = isPolling;
    this.lastPollMs = this.clock.monotonic();
  }

  start(): void {
    this.lastAnswerMs = this.clock.monotonic();
    this.arm(this.config['heartbeat.interval.ms']);
  }

  stop(): void {
    this.timer?.cancel();
    this.timer = null;
  }

  close(): void {
    this.closed = true;
    this.stop();
  }

  private arm(delayMs: number): void {
    this.stop();
    if (this.closed) return;
    this.timer = this.clock.setTimer(delayMs, () => {
      this.timer = null;
      void this.beat();
    });
  }

  /** Never rejects. */
  private async beat(): Promise<void> {
    const { member } = this;
    if (!member.isMember || this.closed || this.isInFlight) return;
    const nowMs = this.clock.monotonic();
    if (!this.isPolling && nowMs - this.lastPollMs > this.config['max.poll.interval.ms']) return member.onPollTimeout();
    if (nowMs - this.lastAnswerMs > this.config['session.timeout.ms']) this.link.forget();
    const { groupId, generation, groupInstanceId } = member.committer;
    let code: number;
    this.isInFlight = true;
    try {
      const link = await this.link.get();
      const { memberId } = member.committer;
      const response = await link.request(Heartbeat, { groupId, generationId: generation, memberId, groupInstanceId });
      code = response.errorCode;
      if (code === ErrorCode.NONE || code === ErrorCode.REBALANCE_IN_PROGRESS) {
        this.lastAnswerMs = this.clock.monotonic();
      }
    } catch {
      code = ErrorCode.COORDINATOR_NOT_AVAILABLE;
    }
    this.isInFlight = false;
    if (this.closed || member.isJoining || member.committer.generation !== generation) {
      // An answer about a membership that is over; a join that got past its first half still needs its heartbeats.
      if (member.isJoining && member.isMember && this.timer === null) this.arm(this.config['heartbeat.interval.ms']);
      return;
    }
    const delayMs = member.onHeartbeat(code);
    if (delayMs !== null) this.arm(delayMs);
  }
}
