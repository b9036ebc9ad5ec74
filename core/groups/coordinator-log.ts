import { ErrorCode } from '../protocol/errors.ts';
import type { CoordinatorRecord } from './records.ts';

/**
 * A partition of an internal topic as its coordinator sees it, for as long as this broker leads it in one leader epoch.
 *
 * Invariants:
 * - An append is refused at once, and then nothing happened; or it is taken, and then it fails only together with the leadership: whoever decided on
 *   it may go on deciding, because when it is lost everything decided after it is lost too, and the coordinator with it.
 * - What was appended in one leader epoch is never acknowledged in another one.
 */
export interface CoordinatorLog extends LedLog {
  /** Appends the records as one batch. Without records it waits for what was appended before. */
  append(records: readonly CoordinatorRecord[], transaction?: TransactionalProducer): Append;
  /** The committed records, oldest first. `producerId` is null for those outside a transaction. */
  readAll(
    visit: (key: Buffer, value: Buffer | null, producerId: number | null) => void,
    onMarker?: (producerId: number, isCommit: boolean) => void,
  ): void;
}

/** What the logs of all coordinators have. */
export interface LedLog {
  /** NONE as long as this broker leads the partition in the epoch that the log was opened in, else NOT_COORDINATOR. */
  readonly problem: number;
  /** Calls back once everything is committed that stood in the log when it was opened; at once where that is so. Not after the end of the leadership. */
  whenCommitted(then: () => void): void;
  /** Nothing is appended any more; whoever waits is told NOT_COORDINATOR. */
  close(): void;
}

/** In whose transaction records are written. */
export interface TransactionalProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface Append {
  /** NONE: it was taken. Otherwise a Kafka error code, and nothing happened; both promises have it too. */
  readonly refused: number;
  /** NONE once the records are committed, or NOT_COORDINATOR when the leadership ended first. Resolves in the order of the appends. Never rejects. */
  readonly committed: Promise<number>;
  /** The same for whoever waits; COORDINATOR_NOT_AVAILABLE when it takes too long, which says nothing about the records. Never before `committed`'s NONE. */
  readonly answer: Promise<number>;
}

export function refusedAppend(errorCode: number): Append {
  const answer = Promise.resolve(errorCode);
  return { refused: errorCode, committed: answer, answer };
}

const COMMITTED = Promise.resolve(ErrorCode.NONE);
export const COMMITTED_AT_ONCE: Append = { refused: ErrorCode.NONE, committed: COMMITTED, answer: COMMITTED };
