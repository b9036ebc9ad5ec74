/** The load that every part of the lab puts on a server: records of 1 KiB, each confirmed by all that the system says must have it, from one producer. */
import type { Session } from '@mqlab/bench/compare/session.ts';
import { randomTextPayload } from '@mqlab/bench/load/payload.ts';
import { loadPeer, type PeerLoadResult } from '@mqlab/bench/load/peer-load.ts';
import type { PeerTopic } from '@mqlab/bench/peers/peer.ts';
import { RECORD_BYTES } from './measured.ts';

const SEED = 20_260_107;
const PAYLOAD = randomTextPayload(RECORD_BYTES, SEED);

export interface LoadTimes {
  /** Not measured, in front of each window. */
  readonly warmupMs: number;
  readonly measureMs: number;
}

/** `max`: as fast as answers come. */
export function loadTopics(
  session: Session,
  topics: readonly PeerTopic[],
  recordsPerSecond: number | 'max',
  { warmupMs, measureMs }: LoadTimes,
): Promise<PeerLoadResult> {
  const setting = {
    topics,
    acks: 'all',
    keys: 'none',
    batchBytes: 65_536,
    // The client's own default where records are few, so that latency is not a batch's.
    lingerMs: recordsPerSecond === 'max' ? 5 : 0,
    producers: 1,
    consumers: 0,
    outstandingBytesMax: 4 * 1024 * 1024,
    recordsPerSecond,
    warmupMs,
    measureMs,
    drainMsMax: 3_000,
  } as const;
  return loadPeer(session.target, setting, PAYLOAD);
}
