import type { Clock, Timer } from '../ports/clock.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { Fetch } from '../protocol/messages/01-fetch.ts';
import type { Api, Fields, RequestInput, ResponseOf } from '../protocol/schema.ts';
import { type FetcherSettings, fetchRequest, wantedOf } from './fetch-request.ts';
import { FetcherSession, type WantedPartition } from './fetcher-session.ts';
import { beginAt, takeRecords, truncate, truncateToAgree } from './follower-log.ts';
import { EARLIEST, LATEST, leaderOffsets, type RangeAnswer } from './leader-offsets.ts';
import { keyOf, type Partition } from './partition.ts';

/**
 * One follower's conversation with one leader: asks for what comes next in the partitions that it follows, and brings their logs to agree with the
 * leader's (KIP-595's way: the leader tells where the histories part, in the answer to a fetch).
 *
 * Invariants:
 * - One request at a time, by one loop; a partition is asked for from its log's end, and an answer counts only for the partition, the epoch and the log
 *   end under which it was asked for. So partitions may come and go while a request is under way.
 * - What goes wrong with a partition delays or stops that one alone; what goes wrong with the connection delays all of them.
 * - After a truncation nothing is appended before the truncation is on the device: what was cut must not come back behind newer records.
 */
export type SendToBroker = <Req extends Fields, Res extends Fields>(
  brokerId: number,
  api: Api<Req, Res>,
  body: RequestInput<Api<Req, Res>>,
  options: { readonly timeoutMs: number; readonly channel: string },
) => Promise<ResponseOf<Api<Req, Res>>>;

export interface FetcherOptions {
  readonly clock: Clock;
  readonly nodeId: number;
  /** This broker's own epoch. */
  brokerEpoch(): number;
  readonly send: SendToBroker;
  readonly settings: FetcherSettings;
  onProblem(message: string): void;
}

const PATIENCE_MS = 100;

type PartitionAnswer = ResponseOf<typeof Fetch>['responses'][number]['partitions'][number];

interface Followed {
  readonly partition: Partition;
  readonly key: string;
  readonly leaderEpoch: number;
  /** Not asked for before. */
  readyAtMs: number;
  /** Waits for the device. */
  isSettling: boolean;
  /** Why it is not asked for until its leadership changes; null while it is. */
  stoppedBy: string | null;
  /** How far it was behind the leader's watermark at its last answer; −1 before. */
  lag: number;
}

export class ReplicaFetcher {
  readonly leaderId: number;
  private readonly channel: string;
  private readonly options: FetcherOptions;
  private readonly session = new FetcherSession();
  private readonly followed = new Map<string, Followed>();
  private isRunning = false;
  private isClosed = false;
  /** The last request failed: told once, not at each try. */
  private isBroken = false;
  /** Partitions that wait for the device, and until when the others wait with them. */
  private settling = 0;
  private patientUntilMs = 0;
  private timer: Timer | null = null;
  private wake: (() => void) | null = null;

  constructor(leaderId: number, channel: string, options: FetcherOptions) {
    this.leaderId = leaderId;
    this.channel = channel;
    this.options = options;
  }

  get count(): number {
    return this.followed.size;
  }

  /** Follows the partition in its current leader epoch; asking goes on when it is followed in that epoch already. */
  add(partition: Partition): void {
    const key = keyOf(partition);
    const before = this.followed.get(key);
    if (before?.partition === partition && before.leaderEpoch === partition.leaderEpoch) return;
    this.followed.set(key, {
      partition,
      key,
      leaderEpoch: partition.leaderEpoch,
      readyAtMs: 0,
      isSettling: false,
      stoppedBy: null,
      lag: -1,
    });
    if (!this.isRunning && !this.isClosed) {
      this.isRunning = true;
      void this.run();
    } else this.wakeUp();
  }

  remove(partition: Partition): void {
    const key = keyOf(partition);
    if (this.followed.get(key)?.partition === partition) this.followed.delete(key);
  }

  /** Why the partition is not asked for until its leadership changes, or null. */
  stoppedBy(partition: Partition): string | null {
    return this.followed.get(keyOf(partition))?.stoppedBy ?? null;
  }

  get maxLag(): number {
    let lag = 0;
    for (const each of this.followed.values()) lag = Math.max(lag, each.lag);
    return lag;
  }

  close(): void {
    this.isClosed = true;
    this.followed.clear();
    this.wakeUp();
  }

  private async run(): Promise<void> {
    while (!this.isClosed) {
      const asked = this.ready();
      const patienceMs = this.msUntilSettled();
      if (patienceMs > 0) await this.rest(patienceMs);
      else if (asked.size === 0) await this.rest(this.msUntilReady());
      else await this.fetch(asked);
    }
  }

  private ready(): Map<string, Followed> {
    const nowMs = this.options.clock.monotonic();
    const ready = new Map<string, Followed>();
    for (const each of this.followed.values()) {
      if (each.stoppedBy === null && !each.isSettling && each.readyAtMs <= nowMs) ready.set(each.key, each);
    }
    return ready;
  }

  private msUntilReady(): number {
    const nowMs = this.options.clock.monotonic();
    let waitMs = Number.POSITIVE_INFINITY;
    for (const each of this.followed.values()) {
      if (each.stoppedBy === null && !each.isSettling) waitMs = Math.min(waitMs, Math.max(0, each.readyAtMs - nowMs));
    }
    return waitMs;
  }

  /**
   * Who waits for the device is waited for, a moment: a request for the others alone may lie at the leader for replica.fetch.wait.max.ms, and
   * only the next one says that the records are on the device. A device that takes longer holds up nobody else.
   */
  private msUntilSettled(): number {
    return this.settling === 0 ? 0 : Math.max(0, this.patientUntilMs - this.options.clock.monotonic());
  }

  private async fetch(asked: ReadonlyMap<string, Followed>): Promise<void> {
    const { settings } = this.options;
    const wanted = new Map<string, WantedPartition>();
    for (const each of asked.values()) wanted.set(each.key, wantedOf(each.partition, each.key, each.leaderEpoch));
    const request = this.session.next([...wanted.values()]);
    const { nodeId } = this.options;
    try {
      const response = await this.send(Fetch, fetchRequest(request, nodeId, this.options.brokerEpoch(), settings));
      if (this.isClosed) return;
      const isSession = this.session.answered(response.errorCode, response.sessionId);
      if (!isSession && !isOfSession(response.errorCode)) throw new Error(`the answer has error ${response.errorCode}`);
      this.isBroken = false;
      const outOfRange: Followed[] = [];
      for (const { topicId, partitions } of response.responses) {
        for (const answer of partitions) {
          const key = keyOf({ topicId, partition: answer.partitionIndex });
          const one = asked.get(key);
          if (one === undefined) continue;
          if (!this.isCurrent(one, wanted.get(key)!)) {
            // The leader believes that its watermark was heard.
            this.session.broken();
            continue;
          }
          if (answer.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) outOfRange.push(one);
          else this.take(one, answer);
        }
      }
      if (outOfRange.length > 0) await this.findRange(outOfRange);
    } catch (error) {
      if (this.isClosed) return;
      this.session.broken();
      if (!this.isBroken) this.options.onProblem(`fetching from broker ${this.leaderId} failed: ${messageOf(error)}`);
      this.isBroken = true;
      this.delayAll();
    }
  }

  private send<Req extends Fields, Res extends Fields>(api: Api<Req, Res>, body: RequestInput<Api<Req, Res>>) {
    const { send, settings } = this.options;
    return send(this.leaderId, api, body, { timeoutMs: settings.requestTimeoutMs, channel: this.channel });
  }

  /** Whether the answer to `wanted` still means this partition as it is. */
  private isCurrent(one: Followed, wanted: WantedPartition): boolean {
    const { partition } = one;
    return (
      this.followed.get(one.key) === one &&
      partition.leaderEpoch === one.leaderEpoch &&
      !partition.isLeader &&
      partition.log.logEndOffset === wanted.fetchOffset
    );
  }

  private take(one: Followed, answer: PartitionAnswer): void {
    const { partition } = one;
    switch (answer.errorCode) {
      case ErrorCode.NONE:
        if (answer.divergingEpoch.endOffset >= 0) {
          this.tell(one, truncateToAgree(partition, answer.divergingEpoch));
          this.afterTruncation(one);
          // The watermark beside it was not heard.
          this.session.broken();
        } else this.takeRecords(one, answer);
        return;
      case ErrorCode.FENCED_LEADER_EPOCH:
        // The leader is of a newer epoch: the metadata will tell this broker as well.
        one.stoppedBy = 'fenced';
        return;
      default:
        // Leader and follower hear of a change at different times.
        this.delay(one);
    }
  }

  private takeRecords(one: Followed, answer: PartitionAnswer): void {
    const { partition } = one;
    const taken = takeRecords(partition, answer);
    switch (taken.kind) {
      case 'taken':
        one.lag = Math.max(0, answer.highWatermark - partition.log.logEndOffset);
        if (taken.flushed !== null) this.settle(one, taken.flushed);
        // At the end of the queue: one that has much to tell must not starve the others.
        if (answer.records !== null && answer.records.length > 0) {
          this.followed.delete(one.key);
          this.followed.set(one.key, one);
        }
        return;
      case 'corrupt':
        this.tell(one, `what its leader sent is damaged: ${taken.message}`);
        this.delay(one);
        return;
      case 'failed':
        this.stop(one, taken.message);
    }
  }

  private afterTruncation(one: Followed): void {
    const { log } = one.partition;
    if (log.offline !== null) this.stop(one, log.offline);
    else this.settle(one, log.truncationSettled());
  }

  /** Not asked for before `done`. */
  private settle(one: Followed, done: Promise<void>): void {
    one.isSettling = true;
    if (this.settling++ === 0) this.patientUntilMs = this.options.clock.monotonic() + PATIENCE_MS;
    done
      .then(
        () => {
          one.isSettling = false;
        },
        (error: unknown) => this.stop(one, messageOf(error)),
      )
      .finally(() => {
        this.settling--;
        this.wakeUp();
      });
  }

  /**
   * The leader cannot tell whether its log goes on where this one ends: one of them begins or ends somewhere else. Where, is asked for; then either what is
   * too much is cut, or the log begins anew where the leader's does.
   */
  private async findRange(outOfRange: readonly Followed[]): Promise<void> {
    const latest = await this.listOffsets(outOfRange, LATEST);
    const behind: Followed[] = [];
    for (const one of outOfRange) {
      const leaderEnd = this.rangeOf(one, latest);
      if (leaderEnd === null) continue;
      if (leaderEnd < one.partition.log.logEndOffset) {
        this.tell(one, truncate(one.partition, leaderEnd));
        this.afterTruncation(one);
      } else behind.push(one);
    }
    if (behind.length === 0) return;
    const earliest = await this.listOffsets(behind, EARLIEST);
    for (const one of behind) {
      const leaderStart = this.rangeOf(one, earliest);
      if (leaderStart === null) continue;
      if (leaderStart > one.partition.log.logEndOffset) {
        beginAt(one.partition, leaderStart);
        this.afterTruncation(one);
      } else this.delay(one);
    }
  }

  private listOffsets(asked: readonly Followed[], timestamp: number): Promise<ReadonlyMap<string, RangeAnswer>> {
    return leaderOffsets((api, body) => this.send(api, body), this.options.nodeId, asked, timestamp);
  }

  /** The offset, when the answer is good and still means the partition as it is. */
  private rangeOf(one: Followed, answers: ReadonlyMap<string, RangeAnswer>): number | null {
    const { partition } = one;
    if (this.followed.get(one.key) !== one || partition.leaderEpoch !== one.leaderEpoch) return null;
    const answer = answers.get(one.key);
    if (answer?.errorCode === ErrorCode.NONE && answer.offset >= 0) return answer.offset;
    if (answer?.errorCode === ErrorCode.FENCED_LEADER_EPOCH) one.stoppedBy = 'fenced';
    else this.delay(one);
    return null;
  }

  private delay(one: Followed): void {
    one.readyAtMs = this.options.clock.monotonic() + this.options.settings.backoffMs;
  }

  private delayAll(): void {
    for (const one of this.followed.values()) this.delay(one);
  }

  private stop(one: Followed, reason: string): void {
    one.stoppedBy = reason;
    this.tell(one, `it is not followed any more: ${reason}`);
  }

  private tell({ partition }: Followed, message: string | null): void {
    if (message !== null) this.options.onProblem(`${partition.topic}-${partition.partition}: ${message}`);
  }

  private rest(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
      if (delayMs !== Number.POSITIVE_INFINITY) {
        this.timer = this.options.clock.setTimer(delayMs, () => this.wakeUp());
      }
    });
  }

  private wakeUp(): void {
    this.timer?.cancel();
    this.timer = null;
    const { wake } = this;
    this.wake = null;
    wake?.();
  }
}

function isOfSession(errorCode: number): boolean {
  return (
    errorCode === ErrorCode.FETCH_SESSION_ID_NOT_FOUND ||
    errorCode === ErrorCode.INVALID_FETCH_SESSION_EPOCH ||
    errorCode === ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
