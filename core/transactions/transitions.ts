import { ErrorCode } from '../protocol/errors.ts';
import {
  EPOCH_EXHAUSTED,
  holdsPartition,
  isEpochExhausted,
  isPrepared,
  NO_EPOCH,
  NO_PARTITIONS,
  NO_PRODUCER_ID,
  type TopicPartition,
  type Transaction,
  withPartitions,
} from './transaction.ts';

/**
 * What may happen to a transactional id, as one pure function: (transaction, event, circumstances) → decision. Nothing here changes state: a decision names
 * the next transaction, the shell stores it, and only the replayed record makes it true.
 *
 * Invariants that decisions keep:
 * - Epochs of one producer id only rise, and who holds an older one is refused: of two producers with one id at most one is live.
 * - From Prepare… there is one way, to the Complete… of the same outcome.
 * - What a producer may not have heard (an answer lost) it may ask for again, and gets the same answer: InitProducerId by its last epoch (KIP-360), EndTxn
 *   by the epoch before the raised one (KIP-890).
 *
 * Transactions version 2 (KIP-890, EndTxn v5): ending a transaction raises the epoch, so a straggler of the ended one can never land in the next.
 */
export interface ProducerIdAndEpoch {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export type TransactionEvent =
  /** InitProducerId; `expected` is who the producer believes to be. */
  | { readonly type: 'init'; readonly timeoutMs: number; readonly expected: ProducerIdAndEpoch | null }
  | ({
      readonly type: 'add';
      readonly partitions: readonly TopicPartition[];
      readonly clientTransactionVersion: number;
    } & ProducerIdAndEpoch)
  | ({
      readonly type: 'end';
      readonly isCommit: boolean;
      readonly clientTransactionVersion: number;
    } & ProducerIdAndEpoch)
  /** Look whether the open transaction is too old. */
  | { readonly type: 'timeout' }
  /** All markers stand. */
  | { readonly type: 'complete' }
  /** Look whether the id was unused for so long that it is forgotten. */
  | { readonly type: 'expire'; readonly expirationMs: number };

export interface Circumstances {
  /** Wall clock. */
  readonly nowMs: number;
  /** A decision about this id is on its way into the log, or its markers are being written. */
  readonly isPending: boolean;
  /** A producer id that nobody has, or null: asked for with `needsProducerId`. */
  readonly newProducerId: number | null;
}

export interface Answer extends ProducerIdAndEpoch {
  readonly errorCode: number;
}

export type Decision =
  /** Nothing is stored. */
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'needsProducerId' }
  /** Store `next` (null: forget the id); answer once that is committed. */
  | { readonly kind: 'store'; readonly next: Transaction | null; readonly answer: Answer };

export function refused(errorCode: number): Answer {
  return { errorCode, producerId: NO_PRODUCER_ID, producerEpoch: NO_EPOCH };
}

const refuse = (errorCode: number): Decision => ({ kind: 'answer', answer: refused(errorCode) });

function answered({ producerId, producerEpoch }: ProducerIdAndEpoch): Answer {
  return { errorCode: ErrorCode.NONE, producerId, producerEpoch };
}

function store(next: Transaction, answer: Answer = answered(next)): Decision {
  return { kind: 'store', next, answer };
}

/** `transaction` undefined: the id is not known. */
export function decide(
  transactionalId: string,
  transaction: Transaction | undefined,
  event: TransactionEvent,
  circumstances: Circumstances,
): Decision {
  switch (event.type) {
    case 'init':
      return transaction === undefined
        ? create(transactionalId, event.timeoutMs, circumstances)
        : init(transaction, event, circumstances);
    case 'add':
      return add(transaction, event, circumstances);
    case 'end':
      return end(transaction, event, circumstances);
    case 'timeout':
      return timeout(transaction, circumstances);
    case 'complete':
      return complete(transaction, circumstances.nowMs);
    case 'expire':
      return expire(transaction, event.expirationMs, circumstances);
  }
}

function create(transactionalId: string, timeoutMs: number, { nowMs, newProducerId }: Circumstances): Decision {
  if (newProducerId === null) return { kind: 'needsProducerId' };
  return store({
    transactionalId,
    producerId: newProducerId,
    producerEpoch: 0,
    lastProducerEpoch: NO_EPOCH,
    previousProducerId: NO_PRODUCER_ID,
    nextProducerId: NO_PRODUCER_ID,
    timeoutMs,
    state: 'Empty',
    partitions: NO_PARTITIONS,
    startTimestampMs: -1,
    lastUpdateTimestampMs: nowMs,
    clientTransactionVersion: 0,
  });
}

function init(
  transaction: Transaction,
  { timeoutMs, expected }: Extract<TransactionEvent, { type: 'init' }>,
  { nowMs, isPending, newProducerId }: Circumstances,
): Decision {
  if (isPending) return refuse(ErrorCode.CONCURRENT_TRANSACTIONS);
  if (expected !== null && !mayBe(transaction, expected)) return refuse(ErrorCode.PRODUCER_FENCED);
  switch (transaction.state) {
    case 'PrepareCommit':
    case 'PrepareAbort':
      return refuse(ErrorCode.CONCURRENT_TRANSACTIONS);
    case 'Ongoing':
      // The raised epoch is told to nobody: the producer asks again, and gets one more.
      return store(fence(transaction, nowMs), refused(ErrorCode.CONCURRENT_TRANSACTIONS));
    case 'Empty':
    case 'CompleteCommit':
    case 'CompleteAbort': {
      const isRetry =
        expected !== null &&
        expected.producerEpoch !== transaction.producerEpoch &&
        expected.producerEpoch === transaction.lastProducerEpoch;
      if (expected !== null && !isRetry && expected.producerEpoch !== transaction.producerEpoch) {
        return refuse(ErrorCode.PRODUCER_FENCED);
      }
      const idle: Transaction = {
        ...transaction,
        previousProducerId: transaction.producerId,
        nextProducerId: NO_PRODUCER_ID,
        timeoutMs,
        state: 'Empty',
        partitions: NO_PARTITIONS,
        startTimestampMs: -1,
        lastUpdateTimestampMs: nowMs,
        clientTransactionVersion: 0,
      };
      if (isRetry) return store({ ...idle, previousProducerId: transaction.previousProducerId });
      const lastProducerEpoch = expected === null ? NO_EPOCH : transaction.producerEpoch;
      if (!isEpochExhausted(transaction.producerEpoch)) {
        return store({ ...idle, producerEpoch: transaction.producerEpoch + 1, lastProducerEpoch });
      }
      if (newProducerId === null) return { kind: 'needsProducerId' };
      return store({ ...idle, producerId: newProducerId, producerEpoch: 0, lastProducerEpoch });
    }
    case 'Dead':
    case 'PrepareEpochFence':
      throw new Error(`${transaction.transactionalId} is stored as ${transaction.state}`);
  }
}

/** Whether who says to be `expected` can be the producer of the id: by the present producer id, or by the one before, whose epochs ran out. */
function mayBe(transaction: Transaction, expected: ProducerIdAndEpoch): boolean {
  return (
    expected.producerId === transaction.producerId ||
    (expected.producerId === transaction.previousProducerId && isEpochExhausted(expected.producerEpoch))
  );
}

/**
 * The open transaction ends in an abort whose markers carry a raised epoch: its producer can write no more. Somebody else has taken the id, so the
 * producer may not take this end for one of its own.
 */
function fence(transaction: Transaction, nowMs: number): Transaction {
  return {
    ...transaction,
    producerEpoch: transaction.producerEpoch + 1,
    lastProducerEpoch: NO_EPOCH,
    previousProducerId: transaction.producerId,
    state: 'PrepareAbort',
    lastUpdateTimestampMs: nowMs,
    clientTransactionVersion: 0,
  };
}

/**
 * The same because time is over. A producer of version 2 that asks for an abort later finds it done, learns the raised epoch and goes on, as with Kafka;
 * a commit is refused. Older producers are fenced.
 */
function abortForTime(transaction: Transaction, nowMs: number): Transaction {
  const { clientTransactionVersion, producerEpoch } = transaction;
  const lastProducerEpoch = clientTransactionVersion >= 2 ? producerEpoch : NO_EPOCH;
  return { ...fence(transaction, nowMs), clientTransactionVersion, lastProducerEpoch };
}

/** NONE, or why the producer may not add to its transaction. */
function producerProblem(transaction: Transaction | undefined, { producerId, producerEpoch }: ProducerIdAndEpoch) {
  if (transaction === undefined || transaction.producerId !== producerId) return ErrorCode.INVALID_PRODUCER_ID_MAPPING;
  return transaction.producerEpoch === producerEpoch ? ErrorCode.NONE : ErrorCode.PRODUCER_FENCED;
}

function add(
  transaction: Transaction | undefined,
  event: Extract<TransactionEvent, { type: 'add' }>,
  { nowMs, isPending }: Circumstances,
): Decision {
  const problem = producerProblem(transaction, event);
  if (transaction === undefined || problem !== ErrorCode.NONE) return refuse(problem);
  if (isPending || isPrepared(transaction)) return refuse(ErrorCode.CONCURRENT_TRANSACTIONS);
  const isOngoing = transaction.state === 'Ongoing';
  if (isOngoing && event.partitions.every(({ topic, partition }) => holdsPartition(transaction, topic, partition))) {
    return { kind: 'answer', answer: answered(transaction) };
  }
  return store({
    ...transaction,
    previousProducerId: transaction.producerId,
    state: 'Ongoing',
    partitions: withPartitions(isOngoing ? transaction.partitions : NO_PARTITIONS, event.partitions),
    startTimestampMs: isOngoing ? transaction.startTimestampMs : nowMs,
    lastUpdateTimestampMs: nowMs,
    clientTransactionVersion: event.clientTransactionVersion,
  });
}

/** NONE when each of the partitions is in the producer's open transaction. Kafka's verification of a transactional write (KIP-890). */
export function verify(
  transaction: Transaction | undefined,
  producer: ProducerIdAndEpoch,
  partitions: readonly TopicPartition[],
): number {
  const problem = producerProblem(transaction, producer);
  if (transaction === undefined || problem !== ErrorCode.NONE) return problem;
  if (isPrepared(transaction)) return ErrorCode.CONCURRENT_TRANSACTIONS;
  if (transaction.state !== 'Ongoing') return ErrorCode.TRANSACTION_ABORTABLE;
  const isIn = partitions.every(({ topic, partition }) => holdsPartition(transaction, topic, partition));
  return isIn ? ErrorCode.NONE : ErrorCode.TRANSACTION_ABORTABLE;
}

function end(
  transaction: Transaction | undefined,
  event: Extract<TransactionEvent, { type: 'end' }>,
  circumstances: Circumstances,
): Decision {
  if (transaction === undefined) return refuse(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  const raisesEpoch = event.clientTransactionVersion >= 2;
  const wasRaised = raisesEpoch && transaction.clientTransactionVersion >= 2;
  const isSameProducer = transaction.producerId === event.producerId;
  const isSameEpoch = transaction.producerEpoch === event.producerEpoch;
  const isRetryOfRaise = wasRaised && isSameProducer && transaction.producerEpoch === event.producerEpoch + 1;
  const isRetryOfRollover =
    wasRaised &&
    transaction.previousProducerId === event.producerId &&
    event.producerEpoch === EPOCH_EXHAUSTED &&
    transaction.producerEpoch === 0;
  if (!isSameProducer && !isRetryOfRollover) return refuse(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  switch (transaction.state) {
    case 'Ongoing':
      if (!isSameEpoch) return refuse(ErrorCode.PRODUCER_FENCED);
      if (circumstances.isPending) return refuse(ErrorCode.CONCURRENT_TRANSACTIONS);
      return prepare(transaction, event, circumstances, transaction.startTimestampMs);
    case 'PrepareCommit':
    case 'PrepareAbort':
      if (wasRaised ? !isRetryOfRaise : !isSameEpoch) return refuse(ErrorCode.PRODUCER_FENCED);
      return refuse(
        (transaction.state === 'PrepareCommit') === event.isCommit
          ? ErrorCode.CONCURRENT_TRANSACTIONS
          : ErrorCode.INVALID_TXN_STATE,
      );
    case 'CompleteCommit':
    case 'CompleteAbort': {
      const isRetry = raisesEpoch ? isRetryOfRaise || isRetryOfRollover : isSameEpoch;
      if (!isRetry && !isSameEpoch) return refuse(ErrorCode.PRODUCER_FENCED);
      if (circumstances.isPending) return refuse(ErrorCode.CONCURRENT_TRANSACTIONS);
      if (isRetry) {
        const isSameOutcome = (transaction.state === 'CompleteCommit') === event.isCommit;
        return isSameOutcome ? { kind: 'answer', answer: answered(transaction) } : refuse(ErrorCode.INVALID_TXN_STATE);
      }
      return endOfNothing(transaction, event, circumstances);
    }
    case 'Empty':
      if (!isSameEpoch) return refuse(ErrorCode.PRODUCER_FENCED);
      if (circumstances.isPending) return refuse(ErrorCode.CONCURRENT_TRANSACTIONS);
      return endOfNothing(transaction, event, circumstances);
    case 'Dead':
    case 'PrepareEpochFence':
      throw new Error(`${transaction.transactionalId} is stored as ${transaction.state}`);
  }
}

/** A client of version 2 aborts although its first write may never have arrived: it gets its raised epoch all the same. */
function endOfNothing(
  transaction: Transaction,
  event: Extract<TransactionEvent, { type: 'end' }>,
  circumstances: Circumstances,
): Decision {
  if (event.isCommit || event.clientTransactionVersion < 2) return refuse(ErrorCode.INVALID_TXN_STATE);
  return prepare(transaction, event, circumstances, circumstances.nowMs);
}

function prepare(
  transaction: Transaction,
  event: Extract<TransactionEvent, { type: 'end' }>,
  { nowMs, newProducerId }: Circumstances,
  startTimestampMs: number,
): Decision {
  const prepared: Transaction = {
    ...transaction,
    previousProducerId: transaction.producerId,
    state: event.isCommit ? 'PrepareCommit' : 'PrepareAbort',
    startTimestampMs,
    lastUpdateTimestampMs: nowMs,
    clientTransactionVersion: event.clientTransactionVersion,
  };
  if (event.clientTransactionVersion < 2) return store(prepared);
  const raised: Transaction = {
    ...prepared,
    producerEpoch: transaction.producerEpoch + 1,
    lastProducerEpoch: transaction.producerEpoch,
  };
  if (!isEpochExhausted(transaction.producerEpoch)) return store(raised);
  if (newProducerId === null) return { kind: 'needsProducerId' };
  return store({ ...raised, nextProducerId: newProducerId }, answered({ producerId: newProducerId, producerEpoch: 0 }));
}

export function isTimedOut(transaction: Transaction, nowMs: number): boolean {
  return transaction.state === 'Ongoing' && transaction.startTimestampMs + transaction.timeoutMs < nowMs;
}

function timeout(transaction: Transaction | undefined, { nowMs, isPending }: Circumstances): Decision {
  if (transaction === undefined || !isTimedOut(transaction, nowMs)) return refuse(ErrorCode.NONE);
  if (isPending) return refuse(ErrorCode.CONCURRENT_TRANSACTIONS);
  return store(abortForTime(transaction, nowMs));
}

function complete(transaction: Transaction | undefined, nowMs: number): Decision {
  if (transaction === undefined || !isPrepared(transaction)) {
    throw new Error(`${transaction?.transactionalId} is ${transaction?.state}: there is nothing to complete`);
  }
  const rollsOver = transaction.nextProducerId !== NO_PRODUCER_ID;
  return store({
    ...transaction,
    producerId: rollsOver ? transaction.nextProducerId : transaction.producerId,
    producerEpoch: rollsOver ? 0 : transaction.producerEpoch,
    previousProducerId: transaction.producerId,
    nextProducerId: NO_PRODUCER_ID,
    state: transaction.state === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort',
    partitions: NO_PARTITIONS,
    lastUpdateTimestampMs: nowMs,
  });
}

function expire(
  transaction: Transaction | undefined,
  expirationMs: number,
  { nowMs, isPending }: Circumstances,
): Decision {
  const isIdle =
    transaction !== undefined &&
    !isPending &&
    (transaction.state === 'Empty' || transaction.state === 'CompleteCommit' || transaction.state === 'CompleteAbort');
  if (!isIdle || transaction.lastUpdateTimestampMs + expirationMs > nowMs) return refuse(ErrorCode.NONE);
  return { kind: 'store', next: null, answer: answered(transaction) };
}
