import type { LeaderAndEpoch } from '../raft-events.ts';
import type { CommittedBatch, StateMachine } from '../state-machine.ts';

/** What was committed where, as the first node that applied it had it: the others must have the same. */
export class Ledger {
  private readonly batches = new Map<
    number,
    { readonly lastOffset: number; readonly epoch: number; readonly text: string }
  >();
  /** Digest of all values up to a batch, by the offset behind it. */
  private readonly digests = new Map<number, number>();

  applied(batch: CommittedBatch, digest: number, who: string): void {
    const text = batch.values.map(String).join('|');
    const known = this.batches.get(batch.baseOffset);
    if (known === undefined) {
      this.batches.set(batch.baseOffset, { lastOffset: batch.lastOffset, epoch: batch.epoch, text });
    } else if (known.text !== text || known.epoch !== batch.epoch || known.lastOffset !== batch.lastOffset) {
      throw new Error(
        `committed at ${batch.baseOffset}: ${known.text} of epoch ${known.epoch}, and on ${who} ${text} of epoch ${batch.epoch}`,
      );
    }
    const before = this.digests.get(batch.lastOffset + 1);
    if (before === undefined) this.digests.set(batch.lastOffset + 1, digest);
    else if (before !== digest) throw new Error(`${who} has another state at ${batch.lastOffset + 1}`);
  }

  textAt(baseOffset: number): string | undefined {
    return this.batches.get(baseOffset)?.text;
  }

  /** The digest at `offset`: that of the last batch at or below. */
  digestAt(offset: number): number {
    for (let at = offset; at > 0; at--) {
      const digest = this.digests.get(at);
      if (digest !== undefined) return digest;
    }
    return EMPTY_DIGEST;
  }

  get size(): number {
    return this.batches.size;
  }
}

const EMPTY_DIGEST = 0x811c9dc5;

/** The last values, and a digest of all of them: a state that does not grow. */
const KEPT = 120;

export class TestMachine implements StateMachine {
  values: Buffer[] = [];
  digest = EMPTY_DIGEST;
  isLeader = false;
  leader: LeaderAndEpoch = { leaderId: -1, epoch: -1 };
  resets = 0;
  private lastOffset = -1;
  private isFromSnapshot = false;
  private readonly ledger: Ledger;
  private readonly who: string;

  constructor(ledger: Ledger, who = 'a node') {
    this.ledger = ledger;
    this.who = who;
  }

  apply(batch: CommittedBatch): void {
    // Those of a snapshot stand at its last offset, all of them.
    this.isFromSnapshot = this.isFromSnapshot && (this.lastOffset < 0 || batch.baseOffset === this.lastOffset);
    if (!this.isFromSnapshot && batch.baseOffset <= this.lastOffset) {
      throw new Error(`${this.who} applies ${batch.baseOffset} after ${this.lastOffset}`);
    }
    for (const value of batch.values) {
      if (this.isFromSnapshot && value[0] === 0) {
        this.digest = value.readUInt32BE(1);
        continue;
      }
      this.values.push(value);
      if (this.values.length > KEPT) this.values.shift();
      if (this.isFromSnapshot) continue;
      for (const byte of value) this.digest = Math.imul(this.digest ^ byte, 0x01000193) >>> 0;
    }
    this.lastOffset = batch.lastOffset;
    if (!this.isFromSnapshot) this.ledger.applied(batch, this.digest, this.who);
  }

  reset(): void {
    this.values = [];
    this.digest = EMPTY_DIGEST;
    this.lastOffset = -1;
    this.isFromSnapshot = true;
    this.resets++;
  }

  *snapshot(): Iterable<Buffer> {
    const digest = Buffer.alloc(5);
    digest.writeUInt32BE(this.digest, 1);
    yield digest;
    yield* this.values;
  }

  leaderChanged(leader: LeaderAndEpoch, isLeader: boolean): void {
    this.leader = leader;
    this.isLeader = isLeader;
  }
}
