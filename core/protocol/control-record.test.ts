import { expect, test } from 'vitest';
import {
  buildControlBatch,
  buildEndTxnBatch,
  ControlType,
  decodeControlType,
  decodeControlValue,
  endTxnMarkerOf,
  LeaderChange,
} from './control-record.ts';
import { recordsOf } from './record.ts';
import { RecordBatch } from './record-batch.ts';
import { buildBatch } from './record-batch-builder.ts';
import { WireError } from './wire-error.ts';
import { ZERO_UUID } from './writer.ts';

test('a transaction marker has the bytes that Kafka gives it', () => {
  const marker = { type: ControlType.COMMIT, coordinatorEpoch: 9 };
  const batch = new RecordBatch(
    buildEndTxnBatch(marker, 1000, { producerId: 4, producerEpoch: 1 }, { baseOffset: 77 }),
  );
  expect(batch).toMatchObject({
    isControl: true,
    isTransactional: true,
    producerId: 4,
    producerEpoch: 1,
    baseSequence: -1,
  });
  const [record] = [...recordsOf(batch)];
  expect(record).toMatchObject({ offset: 77, timestamp: 1000 });
  expect(record!.key!.toString('hex')).toBe('00000001');
  expect(record!.value!.toString('hex')).toBe('000000000009');
  expect(endTxnMarkerOf(batch)).toEqual(marker);
});

test('other control records are told from markers, and data from both', () => {
  const leader = { version: 0, leaderId: 1, voters: [{ voterId: 1 }], grantingVoters: [] };
  const value = LeaderChange.encode(0, leader);
  const batch = new RecordBatch(buildControlBatch(ControlType.LEADER_CHANGE, value, 0));
  expect(endTxnMarkerOf(batch)).toBeUndefined();
  const [record] = [...recordsOf(batch)];
  expect(decodeControlType(record!.key)).toBe(ControlType.LEADER_CHANGE);
  expect(decodeControlValue(LeaderChange, record!.value)).toEqual({
    ...leader,
    voters: [{ voterId: 1, voterDirectoryId: ZERO_UUID }],
  });
  expect(() => endTxnMarkerOf(new RecordBatch(buildBatch({ records: [{ key: 'k' }] })))).toThrow(WireError);
});
