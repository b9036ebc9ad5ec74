// A sending link and what waits for room on it: in order, since nothing overtakes what waits.
//
// A message is encoded here (a durable header and one data section): rhea takes such bytes as they are.
//
// ```text
// header, durable     00 53 70 c0 02 01 41
// data, up to 255 B   00 53 75 a0 len1 …
// data, longer        00 53 75 b0 len4 …
// ```
import type { Delivery, Sender } from 'rhea';
import { Fifo } from '../fifo.ts';

export type Settled = (error: Error | null) => void;

const standardFormat = 0;
const shortHead = Buffer.from('005370c0020141005375a0', 'hex');
const longHead = Buffer.from('005370c0020141005375b0', 'hex');
const headBytes = shortHead.length;

export class Link {
  readonly sender: Sender;
  private readonly settling: Map<Delivery, Settled> | null;
  private last: Delivery | null = null;
  private readonly waiting = new Fifo<{ readonly value: Buffer; readonly settled: Settled }>();

  /** `settling`: where a delivery is to be found until the server settles it; null for messages that are sent settled. */
  constructor(sender: Sender, settling: Map<Delivery, Settled> | null) {
    this.sender = sender;
    this.settling = settling;
  }

  /** false: it waits for `drain`. */
  send(value: Buffer, settled: Settled): boolean {
    const isFree = this.waiting.count === 0 && this.sender.sendable();
    if (isFree) this.transfer(value, settled);
    else this.waiting.push({ value, settled });
    return isFree;
  }

  /** true: nothing waits any more. */
  drain(): boolean {
    while (this.waiting.count > 0 && this.sender.sendable()) {
      const { value, settled } = this.waiting.shift();
      this.transfer(value, settled);
    }
    return this.waiting.count === 0;
  }

  /** Of what is sent settled: nothing waits in the session for credit; rhea counts such a delivery as settled from afar once it left. */
  get hasLeft(): boolean {
    return this.waiting.count === 0 && (this.last?.remote_settled ?? true);
  }

  fail(error: Error): void {
    while (this.waiting.count > 0) this.waiting.shift().settled(error);
  }

  private transfer(value: Buffer, settled: Settled): void {
    const delivery = this.sender.send(encoded(value), undefined, standardFormat);
    this.last = delivery;
    if (this.settling === null) settled(null);
    else this.settling.set(delivery, settled);
  }
}

function encoded(value: Buffer): Buffer {
  const isShort = value.length < 256;
  const message = Buffer.allocUnsafe(headBytes + (isShort ? 1 : 4) + value.length);
  message.set(isShort ? shortHead : longHead);
  if (isShort) message[headBytes] = value.length;
  else message.writeUInt32BE(value.length, headBytes);
  message.set(value, message.length - value.length);
  return message;
}
