import { expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import { decodeTransactionRecord, transactionRecord } from './records.ts';
import { TRANSACTION_STATES, type Transaction } from './transaction.ts';
import { decide, type TransactionEvent, verify } from './transitions.ts';

const T0 = [{ topic: 't', partition: 0 }];

function open(options: Partial<Transaction> = {}): Transaction {
  return {
    transactionalId: 'tx',
    producerId: 7,
    producerEpoch: 3,
    lastProducerEpoch: -1,
    previousProducerId: 7,
    nextProducerId: -1,
    timeoutMs: 1000,
    state: 'Ongoing',
    partitions: new Map([['t', new Set([0])]]),
    startTimestampMs: 100,
    lastUpdateTimestampMs: 100,
    clientTransactionVersion: 2,
    ...options,
  };
}

function ask(transaction: Transaction | undefined, event: TransactionEvent, newProducerId: number | null = null) {
  return decide('tx', transaction, event, { nowMs: 500, isPending: false, newProducerId });
}

const end = (producerEpoch: number, isCommit: boolean, clientTransactionVersion = 2): TransactionEvent => ({
  type: 'end',
  producerId: 7,
  producerEpoch,
  isCommit,
  clientTransactionVersion,
});
const init = (expected: { producerId: number; producerEpoch: number } | null = null): TransactionEvent => ({
  type: 'init',
  timeoutMs: 1000,
  expected,
});
const codeOf = (decision: ReturnType<typeof decide>) =>
  decision.kind === 'needsProducerId' ? 'needsProducerId' : decision.answer.errorCode;

test('a new id asks for a producer id, and begins with epoch 0', () => {
  expect(ask(undefined, init()).kind).toBe('needsProducerId');
  expect(ask(undefined, init(), 9)).toMatchObject({
    kind: 'store',
    next: { producerId: 9, producerEpoch: 0, state: 'Empty', startTimestampMs: -1 },
    answer: { errorCode: 0, producerId: 9, producerEpoch: 0 },
  });
});

test('init raises the epoch; over an open transaction it fences and asks to come again', () => {
  expect(ask(open({ state: 'CompleteCommit' }), init())).toMatchObject({ next: { producerEpoch: 4, state: 'Empty' } });
  expect(ask(open(), init())).toMatchObject({
    next: { state: 'PrepareAbort', producerEpoch: 4, lastProducerEpoch: -1 },
    answer: { errorCode: ErrorCode.CONCURRENT_TRANSACTIONS },
  });
  expect(codeOf(ask(open({ state: 'PrepareCommit' }), init()))).toBe(ErrorCode.CONCURRENT_TRANSACTIONS);
});

test('init with the expected epoch (KIP-360): the present one bumps, the last one is a retry, others are fenced', () => {
  const idle = open({ state: 'CompleteAbort', lastProducerEpoch: 2 });
  expect(ask(idle, init({ producerId: 7, producerEpoch: 3 }))).toMatchObject({
    next: { producerEpoch: 4, lastProducerEpoch: 3 },
  });
  expect(ask(idle, init({ producerId: 7, producerEpoch: 2 }))).toMatchObject({ next: { producerEpoch: 3 } });
  expect(codeOf(ask(idle, init({ producerId: 7, producerEpoch: 1 })))).toBe(ErrorCode.PRODUCER_FENCED);
  expect(codeOf(ask(idle, init({ producerId: 8, producerEpoch: 3 })))).toBe(ErrorCode.PRODUCER_FENCED);
});

test('C26 C28 used-up epochs: init and the end of a transaction go over to a new producer id, also when asked again', () => {
  const last = open({ producerEpoch: 0x7ffe });
  const idle = open({ producerEpoch: 0x7ffe, state: 'CompleteCommit' });
  expect(ask(idle, init()).kind).toBe('needsProducerId');
  const rotated = ask(idle, init({ producerId: 7, producerEpoch: 0x7ffe }), 11);
  expect(rotated).toMatchObject({ next: { producerId: 11, producerEpoch: 0, previousProducerId: 7 } });
  if (rotated.kind !== 'store') throw new Error();
  expect(ask(rotated.next!, init({ producerId: 7, producerEpoch: 0x7ffe }))).toMatchObject({
    answer: { errorCode: 0, producerId: 11, producerEpoch: 0 },
  });
  expect(ask(last, end(0x7ffe, true)).kind).toBe('needsProducerId');
  const prepared = ask(last, end(0x7ffe, true), 12);
  expect(prepared).toMatchObject({
    next: { producerId: 7, producerEpoch: 0x7fff, nextProducerId: 12, state: 'PrepareCommit' },
    answer: { producerId: 12, producerEpoch: 0 },
  });
  if (prepared.kind !== 'store') throw new Error();
  const done = ask(prepared.next!, { type: 'complete' });
  expect(done).toMatchObject({ next: { producerId: 12, producerEpoch: 0, previousProducerId: 7, nextProducerId: -1 } });
  if (done.kind !== 'store') throw new Error();
  expect(ask(done.next!, end(0x7ffe, true))).toMatchObject({
    answer: { errorCode: 0, producerId: 12, producerEpoch: 0 },
  });
});

test('version 2: the end raises the epoch, a retry gets the same answer, the other outcome is refused', () => {
  const prepared = ask(open(), end(3, true));
  expect(prepared).toMatchObject({ next: { state: 'PrepareCommit', producerEpoch: 4 }, answer: { producerEpoch: 4 } });
  if (prepared.kind !== 'store') throw new Error();
  expect(codeOf(ask(prepared.next!, end(3, true)))).toBe(ErrorCode.CONCURRENT_TRANSACTIONS);
  expect(codeOf(ask(prepared.next!, end(3, false)))).toBe(ErrorCode.INVALID_TXN_STATE);
  expect(codeOf(ask(prepared.next!, end(4, true)))).toBe(ErrorCode.PRODUCER_FENCED);
  const done = ask(prepared.next!, { type: 'complete' });
  if (done.kind !== 'store') throw new Error();
  expect(done.next).toMatchObject({ state: 'CompleteCommit', producerEpoch: 4, partitions: new Map() });
  expect(ask(done.next!, end(3, true))).toMatchObject({ kind: 'answer', answer: { errorCode: 0, producerEpoch: 4 } });
  expect(codeOf(ask(done.next!, end(3, false)))).toBe(ErrorCode.INVALID_TXN_STATE);
  expect(codeOf(ask(done.next!, end(2, true)))).toBe(ErrorCode.PRODUCER_FENCED);
  // The next transaction of the same producer: nothing was begun, so there is nothing to commit; an abort raises the epoch again.
  expect(codeOf(ask(done.next!, end(4, true)))).toBe(ErrorCode.INVALID_TXN_STATE);
  expect(ask(done.next!, end(4, false))).toMatchObject({ next: { state: 'PrepareAbort', producerEpoch: 5 } });
});

test('older versions: the epoch stays, a retry is told by the state', () => {
  const prepared = ask(open({ clientTransactionVersion: 0 }), end(3, false, 0));
  expect(prepared).toMatchObject({ next: { state: 'PrepareAbort', producerEpoch: 3 } });
  const done = open({ state: 'CompleteAbort', clientTransactionVersion: 0 });
  expect(codeOf(ask(done, end(3, false, 0)))).toBe(ErrorCode.NONE);
  expect(codeOf(ask(done, end(3, true, 0)))).toBe(ErrorCode.INVALID_TXN_STATE);
  expect(codeOf(ask(done, end(2, false, 0)))).toBe(ErrorCode.PRODUCER_FENCED);
  expect(codeOf(ask(open({ state: 'Empty' }), end(3, true, 0)))).toBe(ErrorCode.INVALID_TXN_STATE);
});

test('C30 a transaction that is too old is aborted: version 2 may find its abort done, not its commit', () => {
  const late = { nowMs: 1101, isPending: false, newProducerId: null };
  expect(decide('tx', open(), { type: 'timeout' }, { ...late, nowMs: 1100 }).kind).toBe('answer');
  const aborted = decide('tx', open(), { type: 'timeout' }, late);
  if (aborted.kind !== 'store') throw new Error();
  expect(aborted.next).toMatchObject({ state: 'PrepareAbort', producerEpoch: 4 });
  const done = ask(aborted.next!, { type: 'complete' });
  if (done.kind !== 'store') throw new Error();
  expect(ask(done.next!, end(3, false))).toMatchObject({ kind: 'answer', answer: { errorCode: 0, producerEpoch: 4 } });
  expect(codeOf(ask(done.next!, end(3, true)))).toBe(ErrorCode.INVALID_TXN_STATE);
});

test('adding: begins a transaction, grows it, is refused to others and while one ends', () => {
  const add = (producerEpoch: number, producerId = 7): TransactionEvent => ({
    type: 'add',
    producerId,
    producerEpoch,
    partitions: [{ topic: 't', partition: 1 }],
    clientTransactionVersion: 2,
  });
  expect(ask(open({ state: 'CompleteCommit', partitions: new Map() }), add(3))).toMatchObject({
    next: { state: 'Ongoing', startTimestampMs: 500, partitions: new Map([['t', new Set([1])]]) },
  });
  expect(ask(open(), add(3))).toMatchObject({
    next: { startTimestampMs: 100, partitions: new Map([['t', new Set([0, 1])]]) },
  });
  expect(codeOf(ask(open(), add(2)))).toBe(ErrorCode.PRODUCER_FENCED);
  expect(codeOf(ask(open(), add(3, 8)))).toBe(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  expect(codeOf(ask(undefined, add(3)))).toBe(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  expect(codeOf(ask(open({ state: 'PrepareCommit' }), add(3)))).toBe(ErrorCode.CONCURRENT_TRANSACTIONS);
  expect(verify(open(), { producerId: 7, producerEpoch: 3 }, T0)).toBe(ErrorCode.NONE);
  expect(verify(open(), { producerId: 7, producerEpoch: 3 }, [{ topic: 'u', partition: 0 }])).toBe(
    ErrorCode.TRANSACTION_ABORTABLE,
  );
});

test('an idle id expires, a busy one does not', () => {
  const expire: TransactionEvent = { type: 'expire', expirationMs: 400 };
  expect(ask(open({ state: 'CompleteCommit' }), expire)).toMatchObject({ kind: 'store', next: null });
  expect(ask(open(), expire).kind).toBe('answer');
  expect(ask(open({ state: 'Empty', lastUpdateTimestampMs: 101 }), expire).kind).toBe('answer');
});

test('records come back as they were, in both formats; the last epoch has no field', () => {
  for (const state of TRANSACTION_STATES) {
    const partitions = state === 'Empty' ? new Map() : new Map([['t', new Set([0, 2])]]);
    const value = open({ state, partitions, nextProducerId: 12 });
    const { key, value: bytes } = transactionRecord('tx', value, 1);
    expect(decodeTransactionRecord(key, bytes)).toEqual({ transactionalId: 'tx', value });
    const old = transactionRecord('tx', value, 0);
    expect(decodeTransactionRecord(old.key, old.value)?.value).toEqual({
      ...value,
      previousProducerId: -1,
      nextProducerId: -1,
      clientTransactionVersion: 0,
    });
  }
  expect(decodeTransactionRecord(transactionRecord('tx', null, 1).key, null)).toEqual({
    transactionalId: 'tx',
    value: null,
  });
});
