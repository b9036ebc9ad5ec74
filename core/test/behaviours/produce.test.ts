// C16–C25: what a leader refuses in a produce request, what it changes, and how it knows a batch that came before.
import { crc32c } from '@node-rs/crc32';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Produce } from '../../protocol/messages/00-produce.ts';
import { ApiVersions } from '../../protocol/messages/18-api-versions.ts';
import { InitProducerId } from '../../protocol/messages/22-init-producer-id.ts';
import { recordsOf } from '../../protocol/record.ts';
import { batchesIn, RecordBatch } from '../../protocol/record-batch.ts';
import { eventually, type ForeignBroker, freshName, owned, skipped, startBroker } from '../foreign/harness.ts';
import { batchOf, createTopic, Ended, fetch, findCoordinator, produce, produceBody, Wire } from './wire.ts';

describe('produce', () => {
  let broker: ForeignBroker;
  let wire: Wire;
  let topic: string;

  beforeAll(async () => {
    broker = await startBroker();
    wire = await Wire.open(broker);
    topic = freshName('produce');
    await createTopic(wire, topic);
  });
  afterAll(async () => {
    wire?.close();
    await broker?.dispose();
  });

  /** A broker that has just begun may have no ids yet. */
  const newProducer = () =>
    eventually('a producer id', async () => {
      const answer = await wire.ask(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1000 });
      if (answer.errorCode !== 0) return false;
      expect([answer.producerId >= 0, answer.producerEpoch]).toEqual([true, 0]);
      return answer;
    });
  const end = async (name = topic) => (await fetch(wire, name, 0)).highWatermark;

  test('C16 exactly one batch of format v2 a partition, else 87; zstd below v7: 76', async () => {
    const before = await end();
    const one = batchOf(['a']);
    expect((await produce(wire, topic, Buffer.concat([one, batchOf(['b'])]))).errorCode).toBe(87);
    expect((await produce(wire, topic, Buffer.alloc(0))).errorCode).toBe(87);
    const zstd = batchOf(['a', 'b'], { compression: 'zstd' });
    expect((await produce(wire, topic, zstd, { version: 6 })).errorCode).toBe(76);
    expect(await end()).toBe(before);
    expect((await produce(wire, topic, batchOf(['a', 'b'], { compression: 'zstd' }), { version: 7 })).errorCode).toBe(
      0,
    );
    expect((await produce(wire, topic, batchOf(['c']), { version: 3 })).errorCode).toBe(0);
  });

  test('C17 acks=0 has no answer, and an error closes the connection; other acks than 0, 1, −1 are 21', async () => {
    const other = await Wire.open(broker);
    const before = await end();
    other.send(Produce, 9, produceBody(topic, batchOf(['silent']), 0));
    // The next answer on the connection is to the next request.
    const { errorCode } = await other.ask(ApiVersions, 0, {});
    expect(errorCode).toBe(0);
    expect(await end()).toBe(before + 1);
    other.send(Produce, 9, produceBody('no-such-topic', batchOf(['lost']), 0));
    expect(await other.isClosedBy()).toBe(true);
    other.close();
    expect((await produce(wire, topic, batchOf(['a']), { acks: 2 })).errorCode).toBe(21);
    expect((await produce(wire, topic, batchOf(['a']), { acks: 1 })).errorCode).toBe(0);
    // No more in-sync replicas can be asked for than there are replicas.
    const careful = freshName('c17');
    await createTopic(wire, careful, 1, { 'min.insync.replicas': '2' });
    expect((await produce(wire, careful, batchOf(['a']))).errorCode).toBe(0);
  });

  test('C18 a wrong CRC is 2; a record count that does not fit the last offset delta is refused', async () => {
    const before = await end();
    const damaged = batchOf(['abc']);
    damaged[damaged.length - 1]! ^= 1;
    expect((await produce(wire, topic, damaged)).errorCode).toBe(2);
    const counted = new RecordBatch(batchOf(['a', 'b']));
    counted.buffer.writeInt32BE(5, 57);
    sign(counted.buffer);
    expect((await produce(wire, topic, counted.buffer)).errorCode).toBe(87);
    const cut = batchOf(['abcdefgh']);
    expect([2, 87]).toContain((await produce(wire, topic, cut.subarray(0, -3))).errorCode);
    expect(await end()).toBe(before);
  });

  test('C19 a compacted topic takes no record without a key: 87, and the records are named', async () => {
    const compacted = freshName('c19');
    await createTopic(wire, compacted, 1, { 'cleanup.policy': 'compact' });
    const answer = await produce(
      wire,
      compacted,
      batchOf([{ key: 'k' }, { value: 'a' }, { key: 'k' }, { value: 'b' }]),
    );
    expect(answer).toMatchObject({ errorCode: 87, baseOffset: -1 });
    expect(answer.recordErrors.map(({ batchIndex }) => batchIndex)).toEqual([1, 3]);
    expect(await end(compacted)).toBe(0);
    expect((await produce(wire, compacted, batchOf([{ key: 'k' }]))).errorCode).toBe(0);
  });

  test('C20 timestamps out of bounds are 32; LogAppendTime is written into the batch and answered', async () => {
    const bounded = freshName('c20');
    const hour = 3_600_000;
    await createTopic(wire, bounded, 1, {
      'message.timestamp.before.max.ms': String(hour),
      'message.timestamp.after.max.ms': String(hour),
    });
    for (const timestamp of [Date.now() - 2 * hour, Date.now() + 2 * hour]) {
      const answer = await produce(wire, bounded, batchOf(['now', { timestamp, value: 'then' }]));
      expect(answer.errorCode).toBe(32);
      expect(answer.recordErrors.map(({ batchIndex }) => batchIndex)).toEqual([1]);
    }
    const created = await produce(wire, bounded, batchOf(['now']));
    expect(created).toMatchObject({ errorCode: 0, logAppendTimeMs: -1 });

    const stamped = freshName('c20');
    await createTopic(wire, stamped, 1, { 'message.timestamp.type': 'LogAppendTime' });
    const before = Date.now();
    const answer = await produce(
      wire,
      stamped,
      batchOf([
        { timestamp: 5, value: 'a' },
        { timestamp: 6, value: 'b' },
      ]),
    );
    expect(answer.errorCode).toBe(0);
    expect(answer.logAppendTimeMs).toBeGreaterThanOrEqual(before);
    const [batch] = batchesIn((await fetch(wire, stamped, 0)).records!);
    expect([batch!.isLogAppendTime, batch!.maxTimestamp, batch!.isCrcValid]).toEqual([
      true,
      answer.logAppendTimeMs,
      true,
    ]);
    expect([...recordsOf(batch!)].map(({ timestamp }) => timestamp)).toEqual([
      answer.logAppendTimeMs,
      answer.logAppendTimeMs,
    ]);
  });

  test('C21 max.message.bytes is of the batch: 10; a batch larger than a segment: 18', async () => {
    const small = freshName('c21');
    await createTopic(wire, small, 1, { 'max.message.bytes': '1000' });
    const many = batchOf(Array.from({ length: 20 }, () => 'x'.repeat(60)));
    expect((await produce(wire, small, many)).errorCode).toBe(10);
    expect((await produce(wire, small, batchOf(['x'.repeat(500)]))).errorCode).toBe(0);
    const segments = freshName('c21');
    await createTopic(wire, segments, 1, { 'segment.bytes': '1048576', 'max.message.bytes': '3000000' });
    expect((await produce(wire, segments, batchOf(['x'.repeat(1_100_000)]))).errorCode).toBe(18);
    expect((await produce(wire, segments, batchOf(['x'.repeat(900_000)]))).errorCode).toBe(0);
  });

  test('C22 another compression.type than the producer’s recompresses; the records are the same', async () => {
    for (const codec of ['gzip', 'snappy', 'lz4', 'zstd', 'uncompressed']) {
      const packed = freshName('c22');
      await createTopic(wire, packed, 1, { 'compression.type': codec });
      const values = ['a', 'b'.repeat(500), 'c'];
      const sent = codec === 'gzip' ? 'none' : 'gzip';
      expect((await produce(wire, packed, batchOf(values, { compression: sent }))).errorCode).toBe(0);
      const [batch] = batchesIn((await fetch(wire, packed, 0)).records!);
      expect(batch!.compression).toBe(codec === 'uncompressed' ? 'none' : codec);
      expect(batch!.isCrcValid).toBe(true);
      expect([...recordsOf(batch!)].map(({ value }) => value!.toString())).toEqual(values);
    }
  });

  test('C23 clients do not write internal topics', async () => {
    await findCoordinator(wire, freshName('c23'));
    expect((await produce(wire, '__consumer_offsets', batchOf(['a']))).errorCode).toBe(17);
  });

  test('C24 v13 names topics by id; unknown ones are 100 and 3', async () => {
    const id = await createTopic(wire, freshName('c24'));
    const byId = async (topicId: string, index = 0) => {
      const { responses } = await wire.ask(Produce, 13, {
        acks: -1,
        timeoutMs: 10_000,
        topicData: [{ topicId, partitionData: [{ index, records: batchOf(['a']) }] }],
      });
      expect(responses[0]!.topicId).toBe(topicId);
      return responses[0]!.partitionResponses[0]!;
    };
    expect(await byId(id)).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect((await byId(id, 7)).errorCode).toBe(3);
    expect((await byId('AAAAAAAAAAAAAAAAAAAAEg')).errorCode).toBe(100);
    expect((await produce(wire, 'no-such-topic', batchOf(['a']))).errorCode).toBe(3);
    expect((await produce(wire, topic, batchOf(['a']), { partition: 7 })).errorCode).toBe(3);
  });

  test('C25 one of the last five batches again gives its first offset; gaps 45, lower epochs 47, wrapping sequences', async () => {
    const name = freshName('c25');
    await createTopic(wire, name);
    const { producerId } = await newProducer();
    const send = async (baseSequence: number, count = 2, epoch = 0) => {
      const values = Array.from({ length: count }, (_, i) => `${baseSequence}+${i}`);
      const { errorCode, baseOffset } = await produce(
        wire,
        name,
        batchOf(values, { producerId, producerEpoch: epoch, baseSequence }),
      );
      return [errorCode, baseOffset];
    };
    for (let i = 0; i < 6; i++) expect(await send(i * 2)).toEqual([0, i * 2]);
    // The last five are known; the first one is too old to be told from a gap.
    for (let i = 1; i < 6; i++) expect(await send(i * 2)).toEqual([0, i * 2]);
    expect((await send(0))[0]).toBe(45);
    expect((await send(14))[0]).toBe(45);
    expect(await send(12)).toEqual([0, 12]);
    // A new epoch starts at 0; the old one is fenced.
    expect((await send(3, 2, 1))[0]).toBe(45);
    expect(await send(0, 2, 1)).toEqual([0, 14]);
    expect((await send(14, 2, 0))[0]).toBe(47);
    expect(await end(name)).toBe(16);
  });

  test('C25 sequences wrap from 2^31−1 to 0', async () => {
    const name = freshName('c25');
    await createTopic(wire, name);
    const { producerId } = await newProducer();
    const send = (baseSequence: number, count: number) => {
      const values = Array.from({ length: count }, (_, i) => `${i}`);
      return produce(wire, name, batchOf(values, { producerId, producerEpoch: 0, baseSequence }));
    };
    // A producer that is not known may begin anywhere.
    expect((await send(0x7fff_fffe, 4)).errorCode).toBe(0);
    expect(await send(2, 1)).toMatchObject({ errorCode: 0, baseOffset: 4 });
    expect(await send(0x7fff_fffe, 4)).toMatchObject({ errorCode: 0, baseOffset: 0 });
  });

  test.skipIf(!owned && skipped('C25', 'an external broker cannot be killed'))(
    'C25 what the log knows of producers survives kill −9, and so does what was acknowledged',
    async () => {
      const name = freshName('c25');
      await createTopic(wire, name);
      const { producerId } = await newProducer();
      const send = (baseSequence: number) =>
        produce(wire, name, batchOf(['a', 'b'], { producerId, producerEpoch: 0, baseSequence }));
      for (const sequence of [0, 2, 4]) expect((await send(sequence)).errorCode).toBe(0);
      await broker.kill();
      await broker.restart();
      wire.close();
      wire = await Wire.open(broker);
      await eventually('the partition is led', async () => (await fetch(wire, name, 0)).errorCode === 0);
      expect(await send(4)).toMatchObject({ errorCode: 0, baseOffset: 4 });
      // Kafka remembers the last batch across a restart; that mqlab remembers five is tested beside the log.
      expect((await send(8)).errorCode).toBe(45);
      expect(await send(6)).toMatchObject({ errorCode: 0, baseOffset: 6 });
      const fresh = await newProducer();
      expect(fresh.producerId).toBeGreaterThan(producerId);
      expect(await end(name)).toBe(8);
    },
  );

  test('a batch that a client may not make is refused: control, another base offset, a codec that is none', async () => {
    const before = await end();
    expect((await produce(wire, topic, batchOf(['a'], { isControl: true }))).errorCode).toBe(87);
    expect((await produce(wire, topic, batchOf(['a'], { baseOffset: 5 }))).errorCode).toBe(87);
    const codec = batchOf(['a']);
    codec.writeInt16BE(6, 21);
    sign(codec);
    const other = await Wire.open(broker);
    const refused = await produce(other, topic, codec).then(
      ({ errorCode }) => errorCode,
      (error: unknown) => {
        if (error instanceof Ended) return 'closed';
        throw error;
      },
    );
    expect(refused).not.toBe(0);
    other.close();
    expect(await end()).toBe(before);
  });
});

/** Puts the right CRC into a batch that was changed by hand. */
function sign(batch: Buffer): void {
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
}
