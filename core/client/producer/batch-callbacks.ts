import type { ClientError } from '../client-error.ts';
import type { BulkSend } from './bulk-send.ts';
import type { DeliveryCallback, RecordMetadata } from './record.ts';

/**
 * Whom a batch tells about its records, and when they were made.
 *
 *     deliveries   a        b     a          runs of records that tell the same one (a bulk, or one function for many sends) …
 *     ends         3        4     9          … and where each run ends: records 0–2 tell a, 3 tells b, 4–8 tell a
 *
 * Invariant: each record is told of exactly once, in order, by `succeed` or `fail`. What a callback throws goes to `onCallbackError`.
 * Records of one millisecond share one entry of `stamps`: [index of the first, timestamp] one after the other.
 */
export type Delivery = DeliveryCallback | BulkSend | undefined;

export class BatchCallbacks {
  private readonly onCallbackError: (error: unknown) => void;
  private deliveries: Delivery[] = [];
  private ends: number[] = [];
  private stamps: number[] = [];
  private count = 0;
  private last: Delivery;
  private lastTimestamp = -1;

  constructor(onCallbackError: (error: unknown) => void) {
    this.onCallbackError = onCallbackError;
  }

  add(delivery: Delivery, timestamp: number): void {
    if (timestamp !== this.lastTimestamp) {
      this.stamps.push(this.count, timestamp);
      this.lastTimestamp = timestamp;
    }
    // The last run's end is written when it is over.
    if (delivery !== this.last || this.count === 0) {
      if (this.count > 0) this.ends.push(this.count);
      this.deliveries.push(delivery);
      this.last = delivery;
    }
    this.count++;
  }

  /** Whom each record tells, in order. */
  *each(): Generator<Delivery> {
    const { deliveries, ends, count } = this;
    let index = 0;
    for (let run = 0; run < deliveries.length; run++) {
      for (const end = ends[run] ?? count; index < end; index++) yield deliveries[run];
    }
  }

  /** Forgets all of them: others tell them. */
  clear(): void {
    this.deliveries = [];
    this.ends = [];
    this.stamps = [];
    this.last = undefined;
    this.lastTimestamp = -1;
    this.count = 0;
  }

  /** `baseOffset` −1 when unknown; `logAppendTimeMs` −1 when the record's own timestamps count. */
  succeed(topic: string, partition: number, baseOffset: number, logAppendTimeMs: number): void {
    const { deliveries, ends, stamps, count } = this;
    this.clear();
    let index = 0;
    let stamp = 0;
    let timestamp = logAppendTimeMs;
    for (let run = 0; run < deliveries.length; run++) {
      const end = run < ends.length ? ends[run]! : count;
      const delivery = deliveries[run];
      if (typeof delivery !== 'function') {
        delivery?.succeed(topic, partition, baseOffset < 0 ? -1 : baseOffset + index, end - index);
        index = end;
        continue;
      }
      for (; index < end; index++) {
        if (logAppendTimeMs < 0) {
          while (stamp < stamps.length && stamps[stamp]! <= index) {
            timestamp = stamps[stamp + 1]!;
            stamp += 2;
          }
        }
        this.tell(delivery, null, { topic, partition, offset: baseOffset < 0 ? -1 : baseOffset + index, timestamp });
      }
    }
  }

  fail(error: ClientError): void {
    const { deliveries, ends, count } = this;
    this.clear();
    let index = 0;
    for (let run = 0; run < deliveries.length; run++) {
      const end = run < ends.length ? ends[run]! : count;
      const delivery = deliveries[run];
      if (typeof delivery === 'function') for (; index < end; index++) this.tell(delivery, error, null);
      else delivery?.fail(error, end - index);
      index = end;
    }
  }

  private tell(callback: DeliveryCallback, error: ClientError | null, metadata: RecordMetadata | null): void {
    try {
      callback(error, metadata);
    } catch (thrown) {
      this.onCallbackError(thrown);
    }
  }
}
