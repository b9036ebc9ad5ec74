// What a broker gets from the network: frames too large, cut, negative, of unknown kinds, garbage, a TLS hello, silence, half a frame, readers that do
// not read and writers that go away. Each costs its own connection at most: a witness produces and reads on another one all the time, and at the end
// every record that the witness was told is stored is there.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Produce } from '../../protocol/messages/00-produce.ts';
import { Fetch } from '../../protocol/messages/01-fetch.ts';
import { ApiVersions } from '../../protocol/messages/18-api-versions.ts';
import { recordsOf } from '../../protocol/record.ts';
import { batchesIn } from '../../protocol/record-batch.ts';
import { decodeResponse } from '../../rpc/request-codec.ts';
import {
  batchOf,
  createTopic,
  fetch,
  fetchBody,
  framed,
  headerBytes,
  produce,
  produceBody,
  requestBytes,
  Wire,
} from '../behaviours/wire.ts';
import { eventually, type ForeignBroker, freshName, startBroker } from '../foreign/harness.ts';

const frameBytesMax = 2 * 1024 * 1024;
const idleMsMax = 3000;
/** What is refused is closed at once, not by the idle time. */
const refusalMsMax = 2500;
const mib = 1024 * 1024;

describe('the wire', { timeout: 60_000 }, () => {
  let broker: ForeignBroker;
  let wire: Wire;
  let topic: string;
  let isOver = false;
  let witness: Promise<number>;

  /** Produces, reads back, and counts, until it is over. Any error is the test's. */
  async function witnessing(): Promise<number> {
    const own = await Wire.open(broker);
    let count = 0;
    for (; !isOver; count++) {
      const answer = await produce(own, topic, batchOf([`witness ${count}`]));
      expect([answer.errorCode, answer.baseOffset]).toEqual([0, count]);
      expect((await fetch(own, topic, count)).highWatermark).toBe(count + 1);
      await sleep(10);
    }
    own.close();
    return count;
  }

  beforeAll(async () => {
    broker = await startBroker({
      set: { 'socket.request.max.bytes': frameBytesMax, 'connections.max.idle.ms': idleMsMax },
    });
    wire = await Wire.open(broker);
    topic = freshName('witness');
    await createTopic(wire, topic);
    wire.close();
    witness = witnessing();
    witness.catch(() => {});
  });

  afterAll(async () => {
    isOver = true;
    await broker?.dispose();
  });

  async function closes(what: string, write: (other: Wire) => void, msMax?: number): Promise<void> {
    const other = await Wire.open(broker);
    write(other);
    expect(await other.isClosedBy(msMax), what).toBe(true);
    other.close();
  }
  const size = (bytes: number): Buffer => {
    const field = Buffer.alloc(4);
    field.writeInt32BE(bytes);
    return field;
  };

  test('C7 a frame above socket.request.max.bytes, also one of 2 GiB: closed before its bytes come', async () => {
    await closes('one byte too many', (other) => other.write(size(frameBytesMax + 1)), refusalMsMax);
    await closes('2 GiB', (other) => other.write(size(0x7fff_ffff)), refusalMsMax);
    await eventually('why', () => broker.stderr().includes(`${frameBytesMax + 1} bytes`));
  });

  test('a frame of negative size, of none, and one too small for a header', async () => {
    await closes('−1', (other) => other.write(size(-1)), refusalMsMax);
    await closes('least', (other) => other.write(size(-0x8000_0000)), refusalMsMax);
    await closes('0', (other) => other.write(size(0)), refusalMsMax);
    await closes('3', (other) => other.write(size(3), Buffer.alloc(3)), refusalMsMax);
  });

  test('a frame that ends inside its body; one that goes on behind it is answered, as by Kafka', async () => {
    const [whole] = requestBytes(ApiVersions, 3, { clientSoftwareName: 'wire', clientSoftwareVersion: '1' }, 1);
    const body = whole!.subarray(4);
    for (let cut = 8; cut < body.length; cut++) {
      await closes(`cut at ${cut}`, (other) => other.write(framed(body.subarray(0, cut))), refusalMsMax);
    }
    const longer = await Wire.open(broker);
    longer.write(framed(body, Buffer.from('more')));
    expect(decodeResponse(ApiVersions, 3, await longer.frame()).errorCode).toBe(0);
    longer.close();
    const parts = Buffer.concat(requestBytes(Produce, 9, produceBody(topic, batchOf(['cut'])), 1)).subarray(4);
    for (const cut of [9, 20, 30, 60, parts.length - 3]) {
      await closes(`produce cut at ${cut}`, (other) => other.write(framed(parts.subarray(0, cut))), refusalMsMax);
    }
  });

  test('C6 an unknown key, an unknown version, and counts that lie', async () => {
    await closes('key', (other) => other.write(framed(headerBytes(4711, 0))), refusalMsMax);
    await closes('version', (other) => other.write(framed(headerBytes(3, 99))), refusalMsMax);
    // Metadata v1 for 2^31−1 topics in a frame of 18 bytes.
    await closes('count', (other) => other.write(framed(headerBytes(3, 1), size(0x7fff_ffff))), refusalMsMax);
    // Metadata v9 with a compact array of 2^31 topics.
    await closes(
      'varint',
      (other) => other.write(framed(headerBytes(3, 9), Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 0x0f]))),
      refusalMsMax,
    );
  });

  test('more array elements than one request may have', async () => {
    // Metadata v1 for 600,000 topics: 1.8 MB that would be some hundred in objects.
    const topics = Buffer.alloc(600_000 * 3, Buffer.from([0, 1, 0x61]));
    await closes('topics', (other) => other.write(framed(headerBytes(3, 1), size(600_000), topics)), refusalMsMax);
    await eventually('why', () => /600000 elements, too many/.test(broker.stderr()));
  });

  test('garbage, an HTTP request, and a TLS hello to a plaintext port', async () => {
    await closes(
      'HTTP',
      (other) => other.write(Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')),
      refusalMsMax,
    );
    const hello = Buffer.from('16030100c8010000c40303', 'hex');
    await closes('TLS', (other) => other.write(hello, Buffer.alloc(190, 7)), refusalMsMax);
    let state = 12345;
    const random = (): number => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fff_ffff) >>> 8;
    await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const bytes = Buffer.from(Array.from({ length: 1 + (random() % 300) }, () => random() & 0xff));
        // Every other one is a well-formed frame with garbage inside; what claims more bytes than it sends is closed by the idle time.
        await closes(
          `garbage ${i}`,
          (other) => other.write(i % 2 === 0 ? framed(headerBytes(random() % 90, random() % 20), bytes) : bytes),
          idleMsMax + 8000,
        );
      }),
    );
  });

  test('C7 a client that says nothing, and one that stops inside a frame, are closed after connections.max.idle.ms', async () => {
    const began = Date.now();
    await Promise.all([
      closes('silent', () => {}, idleMsMax + 8000),
      closes('half a size', (other) => other.write(Buffer.from([0, 0])), idleMsMax + 8000),
      closes('half a frame', (other) => other.write(size(1000), headerBytes(3, 1)), idleMsMax + 8000),
      closes('a large claim', (other) => other.write(size(frameBytesMax), headerBytes(0, 9)), idleMsMax + 8000),
    ]);
    expect(Date.now() - began).toBeGreaterThanOrEqual(idleMsMax - 100);
    // One that waits for records is not idle.
    const waiting = await Wire.open(broker);
    const quiet = freshName('quiet');
    await createTopic(waiting, quiet);
    const parked = waiting.ask(Fetch, 12, fetchBody([{ topic: quiet, offset: 0 }], { maxWaitMs: idleMsMax + 500 }));
    expect((await parked).errorCode).toBe(0);
    waiting.close();
  });

  test('a client that goes away in the middle of a produce request, or before its answer', async () => {
    const name = freshName('leaves');
    const admin = await Wire.open(broker);
    await createTopic(admin, name);
    const bytes = Buffer.concat(requestBytes(Produce, 9, produceBody(name, batchOf(['x'.repeat(100_000)])), 1));
    for (const cut of [10, 1000, 99_999]) {
      const other = await Wire.open(broker);
      other.write(bytes.subarray(0, cut));
      await sleep(20);
      other.close();
    }
    expect((await fetch(admin, name, 0)).highWatermark).toBe(0);
    for (let i = 0; i < 5; i++) {
      const other = await Wire.open(broker);
      other.write(bytes);
      if (i % 2 === 0) await sleep(20);
      other.close();
    }
    // What was sent before the end may still arrive: until nothing more does.
    let settled = -2;
    for (let now = -1; now !== settled; ) {
      settled = now;
      await sleep(300);
      now = (await fetch(admin, name, 0)).highWatermark;
    }
    // Whole batches or none of them.
    const { records, highWatermark } = await fetch(admin, name, 0);
    const batches = [...batchesIn(records ?? Buffer.alloc(0))];
    expect(batches.map(({ baseOffset, isCrcValid }) => [baseOffset, isCrcValid])).toEqual(
      batches.map((_, i) => [i, true]),
    );
    expect(batches.length).toBe(highWatermark);
    expect((await produce(admin, name, batchOf(['next']))).baseOffset).toBe(highWatermark);
    admin.close();
  });

  test.skipIf(process.platform !== 'linux')('readers that never read cost no memory', async () => {
    const name = freshName('slow');
    const admin = await Wire.open(broker);
    await createTopic(admin, name);
    for (let i = 0; i < 16; i++) {
      expect((await produce(admin, name, batchOf(['z'.repeat(900_000)]))).errorCode).toBe(0);
    }
    const before = residentBytes(broker.pid!);
    const readers = await Promise.all(Array.from({ length: 20 }, () => Wire.open(broker)));
    for (const reader of readers) {
      reader.stopReading();
      // Each asks for 16 × 14 MB at once: 4.5 GB in all.
      const body = fetchBody([{ topic: name, offset: 0 }], { partitionMaxBytes: 32 * mib, maxBytes: 32 * mib });
      for (let i = 0; i < 16; i++) reader.write(...requestBytes(Fetch, 12, body, i));
    }
    await sleep(700);
    expect(residentBytes(broker.pid!) - before).toBeLessThan(100 * mib);
    // The data is there for who reads it.
    expect((await fetch(admin, name, 0, { partitionMaxBytes: 32 * mib })).records!.length).toBeGreaterThan(14_000_000);
    for (const reader of readers) reader.close();
    admin.close();
  });

  test('the witness saw nothing of all that, and has every record, also after a kill', async () => {
    isOver = true;
    const count = await witness;
    expect(count).toBeGreaterThan(20);
    await broker.kill();
    await broker.restart();
    const own = await Wire.open(broker);
    const found: string[] = [];
    for (let offset = 0; offset < count; offset = found.length) {
      const { records, errorCode } = await fetch(own, topic, offset, { maxWaitMs: 500 });
      if (errorCode !== 0) await sleep(20);
      for (const batch of batchesIn(records ?? Buffer.alloc(0))) {
        for (const record of recordsOf(batch)) found.push(record.value!.toString());
      }
    }
    expect(found).toEqual(Array.from({ length: count }, (_, i) => `witness ${i}`));
    own.close();
  });
});

function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match![1]) * 1024;
}
