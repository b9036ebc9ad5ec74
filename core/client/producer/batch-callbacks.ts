import type { ClientError } from '../client-error.ts';
import type { BulkSend } from './bulk-send.ts';
import type { DeliveryCallback, RecordMetadata } from './record.ts';

/**
 * Whom a batch tells about its records, and when they were made: a slot a record, no object.
 *
 * Invariant: slot i is record i; each slot is told exactly once, in order, by `succeed` or `fail`. What a callback throws goes to `onCallbackError`.
 * Records of one millisecond share one entry of `stamps`: [index of the first, timestamp] one after the other.
 */
export type Delivery = DeliveryCallback | BulkSend | undefined;

export class BatchCallbacks {
  private readonly onCallbackError: (error: unknown) => void;
  private slots: Delivery[] = [];
  private stamps: number[] = [];
  private lastTimestamp = -1;

  constructor(onCallbackError: (error: unknown) => void) {
    this.onCallbackError = onCallbackError;
  }

  add(delivery: Delivery, timestamp: number): void {
    if (timestamp !== this.lastTimestamp) {
      this.stamps.push(this.slots.length, timestamp);
      this.lastTimestamp = timestamp;
    }
    this.slots.push(delivery);
  }

  at(index: number): Delivery {
    return this.slots[index];
  }

  /** Forgets all of them: others tell them. */
  clear(): void {
    this.slots = [];
    this.stamps = [];
  }

  /** `baseOffset` −1 when unknown; `logAppendTimeMs` −1 when the record's own timestamps count. */
  succeed(topic: string, partition: number, baseOffset: number, logAppendTimeMs: number): void {
    const { slots, stamps } = this;
    this.clear();
    const count = slots.length;
    let timestamp = logAppendTimeMs;
    let stamp = logAppendTimeMs >= 0 ? stamps.length : 0;
    for (let i = 0; i < count; i++) {
      if (stamp < stamps.length && stamps[stamp] === i) {
        timestamp = stamps[stamp + 1]!;
        stamp += 2;
      }
      const delivery = slots[i];
      if (delivery === undefined) continue;
      const offset = baseOffset < 0 ? -1 : baseOffset + i;
      if (typeof delivery === 'function') this.tell(delivery, null, { topic, partition, offset, timestamp });
      else {
        const end = endOfRun(slots, i);
        delivery.succeed(topic, partition, offset, end - i);
        i = end - 1;
      }
    }
  }

  fail(error: ClientError): void {
    const { slots } = this;
    this.clear();
    for (let i = 0; i < slots.length; i++) {
      const delivery = slots[i];
      if (delivery === undefined) continue;
      if (typeof delivery === 'function') this.tell(delivery, error, null);
      else {
        const end = endOfRun(slots, i);
        delivery.fail(error, end - i);
        i = end - 1;
      }
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

/** The records of one bulk that follow each other are told as one. */
function endOfRun(slots: readonly Delivery[], from: number): number {
  let end = from + 1;
  while (end < slots.length && slots[end] === slots[from]) end++;
  return end;
}
