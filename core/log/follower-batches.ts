import { ErrorCode } from '../protocol/errors.ts';
import { batchesIn, MAGIC_V2 } from '../protocol/record-batch.ts';
import { WireError } from '../protocol/wire-error.ts';
import { type Rejected, rejected } from './append-result.ts';

/**
 * What a follower may append of the bytes that its leader sent: whole, sound batches whose offsets rise.
 *
 * Nothing in them is believed: the CRC is checked (the bytes came over a network), and a batch of a later epoch than the leader's, which no leader can
 * have, ends what is taken, as does a batch that is cut off.
 */
export interface FollowerBatches {
  readonly kind: 'batches';
  /** From the start of the bytes. */
  readonly bytes: number;
  /** −1 when there is no batch. */
  readonly firstOffset: number;
  /** Of the first batch. */
  readonly firstLastOffset: number;
  readonly nextOffset: number;
  readonly maxTimestamp: number;
}

export function followerBatches(records: Buffer, leaderEpochMax: number): FollowerBatches | Rejected {
  let bytes = 0;
  let nextOffset = -1;
  let firstOffset = -1;
  let firstLastOffset = -1;
  let maxTimestamp = -1;
  try {
    for (const batch of batchesIn(records)) {
      if (batch.magic !== MAGIC_V2 || !batch.isCrcValid || batch.lastOffsetDelta < 0) {
        return rejected(ErrorCode.CORRUPT_MESSAGE, `The batch at offset ${batch.baseOffset} does not fit its CRC.`);
      }
      if (batch.partitionLeaderEpoch > leaderEpochMax) break;
      if (batch.baseOffset < nextOffset) {
        const message = `The batch at offset ${batch.baseOffset} lies below ${nextOffset}, where the one before it ends.`;
        return rejected(ErrorCode.CORRUPT_MESSAGE, message);
      }
      if (firstOffset < 0) {
        firstOffset = batch.baseOffset;
        firstLastOffset = batch.lastOffset;
      }
      maxTimestamp = Math.max(maxTimestamp, batch.maxTimestamp);
      nextOffset = batch.nextOffset;
      bytes += batch.bytes;
    }
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return rejected(ErrorCode.CORRUPT_MESSAGE, error.message);
  }
  return { kind: 'batches', bytes, firstOffset, firstLastOffset, nextOffset, maxTimestamp };
}
