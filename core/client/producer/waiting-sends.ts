import type { Clock, Timer } from '../../ports/clock.ts';
import { ClientError } from '../client-error.ts';
import type { Accumulator } from './accumulator.ts';
import type { DeliveryCallback, ProducerRecord } from './record.ts';

/**
 * Sends that wait: in their topic's line for metadata, then in the one line for memory, each at most max.block.ms after `send`.
 *
 * Invariants: a line keeps the order of `send`; waiting sends are bounded; one timer for all of them, set to the first deadline; while somebody waits for
 * memory, batches leave without lingering. A send leaves its line once: into the accumulator (`settle`), into the other line, or with an error.
 * Who may leave a line belongs to the producer.
 */
export interface WaitingSend {
  readonly record: ProducerRecord;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly callback: DeliveryCallback;
  readonly deadlineMs: number;
  isSettled: boolean;
  /** Called when it went into the accumulator or failed. */
  onSettled: (() => void) | null;
}

export interface WaitingView {
  /** Those who have a line. */
  topics(): Iterable<{ readonly name: string; readonly waiting: WaitingSend[] }>;
  metadataTimeout(topic: string): ClientError;
  memoryTimeout(): ClientError;
}

/** Further ones fail at once with BUFFER_EXHAUSTED. */
const WAITING_SENDS_MAX = 100_000;

export class WaitingSends {
  readonly forMemory: WaitingSend[] = [];
  private readonly clock: Clock;
  private readonly blockMsMax: number;
  private readonly accumulator: Accumulator;
  private readonly view: WaitingView;
  private total = 0;
  private timer: Timer | null = null;

  constructor(clock: Clock, blockMsMax: number, accumulator: Accumulator, view: WaitingView) {
    this.clock = clock;
    this.blockMsMax = blockMsMax;
    this.accumulator = accumulator;
    this.view = view;
  }

  get count(): number {
    return this.total;
  }

  /** To the end of a line. False when there are too many: the callback has been told. */
  add(
    line: WaitingSend[],
    record: ProducerRecord,
    key: Uint8Array | null,
    value: Uint8Array | null,
    callback: DeliveryCallback,
  ): boolean {
    if (this.total >= WAITING_SENDS_MAX) {
      const message = `${this.total} sends wait for metadata or memory; slow down (await the send, or ready())`;
      callback(new ClientError('BUFFER_EXHAUSTED', message, { retriable: true }), null);
      return false;
    }
    const deadlineMs = this.clock.monotonic() + this.blockMsMax;
    line.push({ record, key, value, callback, deadlineMs, isSettled: false, onSettled: null });
    this.total++;
    if (line === this.forMemory && line.length === 1) this.accumulator.urgency++;
    this.armTimer();
    return true;
  }

  /** The first of a topic's line goes on to wait for memory. */
  moveToMemory(line: WaitingSend[]): void {
    this.forMemory.push(line.shift()!);
    if (this.forMemory.length === 1) this.accumulator.urgency++;
  }

  /** The first `count` for memory have got it. */
  leaveMemory(count: number): void {
    if (count === 0) return;
    this.forMemory.splice(0, count);
    if (this.forMemory.length === 0) this.accumulator.urgency--;
  }

  settle(waiting: WaitingSend): void {
    this.total--;
    waiting.isSettled = true;
    waiting.onSettled?.();
    if (this.total === 0) this.close();
  }

  fail(line: WaitingSend[], errorFor: () => ClientError): void {
    const failed = line.splice(0);
    if (line === this.forMemory && failed.length > 0) this.accumulator.urgency--;
    for (const waiting of failed) {
      this.settle(waiting);
      waiting.callback(errorFor(), null);
    }
  }

  failAll(errorFor: () => ClientError): void {
    for (const topic of this.view.topics()) this.fail(topic.waiting, errorFor);
    this.fail(this.forMemory, errorFor);
  }

  /** Resolves when every send that waits now has left its line for good. */
  tailSettled(): Promise<unknown> {
    const tails = [...this.view.topics()].map((topic) => topic.waiting.at(-1));
    tails.push(this.forMemory.at(-1));
    const open = tails.filter((tail): tail is WaitingSend => tail !== undefined && !tail.isSettled);
    return Promise.all(
      open.map(
        (tail) =>
          new Promise<void>((resolve) => {
            const previous = tail.onSettled;
            tail.onSettled = () => {
              previous?.();
              resolve();
            };
          }),
      ),
    );
  }

  /** No timer is left. */
  close(): void {
    this.timer?.cancel();
    this.timer = null;
  }

  private armTimer(): void {
    if (this.timer !== null || this.total === 0) return;
    let dueMs = this.forMemory[0]?.deadlineMs ?? Number.POSITIVE_INFINITY;
    for (const topic of this.view.topics()) dueMs = Math.min(dueMs, topic.waiting[0]?.deadlineMs ?? dueMs);
    if (dueMs === Number.POSITIVE_INFINITY) return;
    this.timer = this.clock.setTimer(Math.max(0, dueMs - this.clock.monotonic()), () => {
      this.timer = null;
      this.expire();
      this.armTimer();
    });
  }

  private expire(): void {
    const nowMs = this.clock.monotonic();
    for (const { name, waiting } of this.view.topics()) {
      this.expireLine(waiting, nowMs, () => this.view.metadataTimeout(name));
    }
    this.expireLine(this.forMemory, nowMs, () => this.view.memoryTimeout());
  }

  private expireLine(line: WaitingSend[], nowMs: number, error: () => ClientError): void {
    let count = 0;
    while (count < line.length && line[count]!.deadlineMs <= nowMs) count++;
    if (count === 0) return;
    const kept = line.splice(count);
    this.fail(line, error);
    line.push(...kept);
    if (line === this.forMemory && kept.length > 0) this.accumulator.urgency++;
  }
}
