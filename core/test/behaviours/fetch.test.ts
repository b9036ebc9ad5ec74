// C32–C39: fetch sessions, limits, long polls and leader epochs.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Fetch } from '../../protocol/messages/01-fetch.ts';
import { DeleteRecords } from '../../protocol/messages/21-delete-records.ts';
import { batchesIn } from '../../protocol/record-batch.ts';
import { type ForeignBroker, freshName, startBroker } from '../foreign/harness.ts';
import { batchOf, createTopic, type FetchOptions, fetch, fetchBody, produce, Wire } from './wire.ts';

const kib = 1024;

describe('fetch', () => {
  let broker: ForeignBroker;
  let wire: Wire;

  beforeAll(async () => {
    broker = await startBroker();
    wire = await Wire.open(broker);
  });
  afterAll(async () => {
    wire?.close();
    await broker?.dispose();
  });

  /** A topic with batches of three records each, and the bytes of one. */
  async function filled(stem: string, batchCount: number, valueBytes = 100) {
    const topic = freshName(stem);
    await createTopic(wire, topic);
    let bytes = 0;
    for (let i = 0; i < batchCount; i++) {
      const batch = batchOf(['a', 'b', 'c'].map((each) => each.repeat(valueBytes)));
      bytes = batch.length;
      expect((await produce(wire, topic, batch)).baseOffset).toBe(i * 3);
    }
    return { topic, bytes };
  }
  type Wanted = Parameters<typeof fetchBody>[0];
  const ask = (wanted: Wanted, options: FetchOptions) => wire.ask(Fetch, 12, fetchBody(wanted, options));
  const offsets = (records: Buffer | null) =>
    [...batchesIn(records ?? Buffer.alloc(0))].map(({ baseOffset }) => baseOffset);

  test('C32 sessions: epoch 0 makes one, −1 closes it; an unknown one is 70, a wrong epoch 71', async () => {
    const { topic } = await filled('c32', 1);
    const made = await ask([{ topic, offset: 0 }], { sessionEpoch: 0 });
    expect(made.errorCode).toBe(0);
    expect(made.sessionId).toBeGreaterThan(0);
    const { sessionId } = made;
    expect((await ask([], { sessionId, sessionEpoch: 2 })).errorCode).toBe(71);
    expect(await ask([{ topic, offset: 3 }], { sessionId, sessionEpoch: 1 })).toMatchObject({
      errorCode: 0,
      sessionId,
    });
    expect((await ask([], { sessionId, sessionEpoch: 1 })).errorCode).toBe(71);
    expect((await ask([], { sessionId: sessionId ^ 1, sessionEpoch: 2 })).errorCode).toBe(70);
    const closed = await ask([{ topic, offset: 3 }], { sessionId, sessionEpoch: -1 });
    expect([closed.errorCode, closed.sessionId]).toEqual([0, 0]);
    expect((await ask([], { sessionId, sessionEpoch: 2 })).errorCode).toBe(70);
  });

  test('C33 an incremental answer holds only partitions with data, news or an error', async () => {
    const [first, second] = [await filled('c33', 1), await filled('c33', 1)];
    const made = await ask(
      [
        { topic: first.topic, offset: 3 },
        { topic: second.topic, offset: 3 },
      ],
      { sessionEpoch: 0 },
    );
    expect(made.responses.map(({ topic }) => topic)).toEqual([first.topic, second.topic]);
    const { sessionId } = made;
    let sessionEpoch = 1;
    const next = async (wanted: Wanted = []) => {
      const answer = await ask(wanted, { sessionId, sessionEpoch: sessionEpoch++ });
      expect(answer.errorCode).toBe(0);
      return answer.responses.map(({ topic, partitions }) => [
        topic,
        partitions[0]!.errorCode,
        offsets(partitions[0]!.records),
      ]);
    };
    expect(await next()).toEqual([]);
    await produce(wire, second.topic, batchOf(['new']));
    expect(await next()).toEqual([[second.topic, 0, [3]]]);
    expect(await next([{ topic: second.topic, offset: 4 }])).toEqual([]);
    // A moved log start is news, too.
    await wire.ask(DeleteRecords, 2, {
      topics: [{ name: first.topic, partitions: [{ partitionIndex: 0, offset: 2 }] }],
      timeoutMs: 5000,
    });
    expect(await next()).toEqual([[first.topic, 0, []]]);
    expect(await next([{ topic: first.topic, offset: 99 }])).toEqual([[first.topic, 1, []]]);
    expect(await next()).toEqual([[first.topic, 1, []]]);
  });

  test('C34 the first partition with data gives a whole batch even above the limits, in the order of the request', async () => {
    const [one, two] = [await filled('c34', 2, kib), await filled('c34', 2, kib)];
    const wanted = [two, one].map(({ topic }) => ({ topic, offset: 0 }));
    const read = async (options: FetchOptions) =>
      (await ask(wanted, options)).responses.map(({ topic, partitions }) => [
        topic === one.topic ? 'one' : 'two',
        offsets(partitions[0]!.records),
      ]);
    expect(await read({ maxBytes: 1, partitionMaxBytes: 1 })).toEqual([
      ['two', [0]],
      ['one', []],
    ]);
    expect(await read({ partitionMaxBytes: 1 })).toEqual([
      ['two', [0]],
      ['one', []],
    ]);
    expect(await read({ partitionMaxBytes: 2 * one.bytes })).toEqual([
      ['two', [0, 3]],
      ['one', [0, 3]],
    ]);
  });

  test('C35 an offset inside a batch gives the whole batch', async () => {
    const { topic, bytes } = await filled('c35', 3);
    for (const offset of [3, 4, 5]) {
      const { records } = await fetch(wire, topic, offset, { partitionMaxBytes: bytes });
      expect(offsets(records)).toEqual([3]);
      expect(records!.length).toBe(bytes);
    }
  });

  test('C36 a long poll ends with the bytes, with its time, and at once with an error', async () => {
    const { topic, bytes } = await filled('c36', 1);
    const began = Date.now();
    const late = await fetch(wire, topic, 3, { maxWaitMs: 300, minBytes: 1 });
    expect([late.errorCode, late.records?.length ?? 0]).toEqual([0, 0]);
    expect(Date.now() - began).toBeGreaterThanOrEqual(290);
    expect((await fetch(wire, topic, 99, { maxWaitMs: 10_000 })).errorCode).toBe(1);
    expect((await fetch(wire, 'no-such-topic', 0, { maxWaitMs: 10_000 })).errorCode).toBe(3);
    expect(Date.now() - began).toBeLessThan(5000);

    const other = await Wire.open(broker);
    const parked = other.send(Fetch, 12, fetchBody([{ topic, offset: 3 }], { maxWaitMs: 10_000, minBytes: 2 * bytes }));
    for (let i = 0; i < 2; i++) await produce(wire, topic, batchOf(['a', 'b', 'c'].map((each) => each.repeat(100))));
    expect(offsets((await parked()).responses[0]!.partitions[0]!.records)).toEqual([3, 6]);
    expect(Date.now() - began).toBeLessThan(8000);
    other.close();
  });

  test('C37 above the log end or below its start: 1; at the end: nothing', async () => {
    const { topic } = await filled('c37', 2);
    await wire.ask(DeleteRecords, 2, {
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, offset: 4 }] }],
      timeoutMs: 5000,
    });
    for (const offset of [0, 3, 7, -1])
      expect([offset, (await fetch(wire, topic, offset)).errorCode]).toEqual([offset, 1]);
    const within = await fetch(wire, topic, 4);
    expect([offsets(within.records), within.logStartOffset, within.highWatermark]).toEqual([[3], 4, 6]);
    const end = await fetch(wire, topic, 6);
    expect([end.errorCode, end.records?.length ?? 0]).toEqual([0, 0]);
  });

  test('C38 without transactions the last stable offset is the high watermark; aborted transactions are null or none', async () => {
    const { topic } = await filled('c38', 1);
    const uncommitted = await fetch(wire, topic, 0);
    expect(uncommitted.abortedTransactions).toBeNull();
    const committed = await fetch(wire, topic, 0, { isolationLevel: 1 });
    expect(committed.abortedTransactions).toEqual([]);
    for (const { highWatermark, lastStableOffset, records } of [uncommitted, committed]) {
      expect([highWatermark, lastStableOffset, offsets(records)]).toEqual([3, 3, [0]]);
    }
  });

  test('C39 an older leader epoch is 74, a newer one 75; an epoch that the log does not have diverges', async () => {
    const { topic } = await filled('c39', 1);
    const current = batchesIn((await fetch(wire, topic, 0)).records!).next().value!.partitionLeaderEpoch;
    expect((await fetch(wire, topic, 0, { currentLeaderEpoch: current })).errorCode).toBe(0);
    expect((await fetch(wire, topic, 0, { currentLeaderEpoch: current + 1 })).errorCode).toBe(75);
    if (current > 0) expect((await fetch(wire, topic, 0, { currentLeaderEpoch: current - 1 })).errorCode).toBe(74);
    const same = await fetch(wire, topic, 3, { lastFetchedEpoch: current });
    expect([same.errorCode, same.divergingEpoch.epoch]).toEqual([0, -1]);
  });

  test('C14 a fetch in a session by topic ids, and one by names, do not mix', async () => {
    const topic = freshName('c14');
    const topicId = await createTopic(wire, topic);
    const body = fetchBody([{ topic, offset: 0 }], { sessionEpoch: 0 });
    const byId = { ...body, topics: body.topics.map((each) => ({ ...each, topicId })) };
    const made = await wire.ask(Fetch, 13, byId);
    expect(made.responses[0]?.partitions[0]?.errorCode ?? 0).toBe(0);
    const mixed = await ask([], { sessionId: made.sessionId, sessionEpoch: 1 });
    expect(mixed.errorCode).toBe(106);
  });
});
