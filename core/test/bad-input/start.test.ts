// What a broker finds when it starts: a port that is taken, a folder that is another's or in use, indexes and logs that were damaged.
// It either says no and why, or mends what it finds and says so; whatever was on the disk before the damage is there afterwards.
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { batchesIn } from '../../protocol/record-batch.ts';
import { batchOf, createTopic, fetch, produce, Wire } from '../behaviours/wire.ts';
import { eventually, type ForeignBroker, freshName, startBroker } from '../foreign/harness.ts';
import { mqlab, sets } from './mqlab.ts';

const batchCount = 40;
const valueBytes = 1000;

describe('start', () => {
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

  async function filled(stem: string): Promise<{ topic: string; folder: string }> {
    const topic = freshName(stem);
    await createTopic(wire, topic);
    for (let i = 0; i < batchCount; i++) {
      expect((await produce(wire, topic, batchOf([String(i).padEnd(valueBytes, '.')]))).baseOffset).toBe(i);
    }
    return { topic, folder: join(broker.dataDir, `${topic}-0`) };
  }

  async function again(): Promise<void> {
    await broker.restart();
    wire.close();
    wire = await Wire.open(broker);
  }

  /** The first bytes of each value, from the start on. */
  async function values(topic: string): Promise<number[]> {
    await eventually('led', async () => (await fetch(wire, topic, 0)).errorCode === 0);
    const { records } = await fetch(wire, topic, 0);
    return [...batchesIn(records!)].map((batch) => {
      expect(batch.isCrcValid).toBe(true);
      return batch.baseOffset;
    });
  }
  const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

  test('a port that is taken', async () => {
    const listeners = `PLAINTEXT://${broker.bootstrap}`;
    const { code, stdout, stderr } = await mqlab([
      'broker',
      ...sets({ listeners, 'log.dirs': `${broker.dataDir}/other` }),
    ]);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(String(broker.port));
    expect(stderr).toMatch(/EADDRINUSE|in use/);
  });

  test('a folder that a running broker has locked', async () => {
    const listeners = 'PLAINTEXT://127.0.0.1:0';
    const { code, stdout, stderr } = await mqlab(['broker', ...sets({ listeners, 'log.dirs': broker.dataDir })]);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(broker.dataDir);
    expect(stderr).toContain('.lock');
  });

  test('a folder of another node, and one of another cluster', async () => {
    const { topic } = await filled('owner');
    expect(await broker.stop()).toBe(0);
    const listeners = 'PLAINTEXT://127.0.0.1:0';
    const other = await mqlab(['broker', ...sets({ listeners, 'log.dirs': broker.dataDir, 'node.id': 7 })]);
    expect([other.code, other.stdout]).toEqual([1, '']);
    expect(other.stderr).toMatch(/node\.id 1.*node\.id 7/);
    const meta = join(broker.dataDir, 'meta.properties');
    const before = readFileSync(meta, 'utf8');
    for (const [text, says] of [
      [before.replace(/^node\.id=.*$/m, 'node.id=9'), /node\.id 9/],
      [before.replace(/^cluster\.id=.*\n/m, ''), /cluster\.id/],
      ['nonsense', /meta\.properties/],
    ] as const) {
      writeFileSync(meta, text);
      const refused = await mqlab(['broker', ...sets({ listeners, 'log.dirs': broker.dataDir })]);
      expect([refused.code, refused.stdout]).toEqual([1, '']);
      expect(refused.stderr).toMatch(says);
    }
    writeFileSync(meta, before);
    // Two folders that belong to two clusters.
    const second = `${broker.dataDir}/second`;
    expect((await import('node:fs')).mkdirSync(second)).toBeUndefined();
    writeFileSync(join(second, 'meta.properties'), before.replace(/^cluster\.id=.*$/m, 'cluster.id=another'));
    const mixed = await mqlab(['broker', ...sets({ listeners, 'log.dirs': `${broker.dataDir},${second}` })]);
    expect([mixed.code, mixed.stdout]).toEqual([1, '']);
    expect(mixed.stderr).toMatch(/cluster\.id another/);
    await again();
    expect(await values(topic)).toEqual(upTo(batchCount));
  });

  test('corrupt and missing indexes are rebuilt, after a clean end and after a kill', async () => {
    for (const end of ['stop', 'kill'] as const) {
      const made = [await filled('index'), await filled('index'), await filled('index')];
      await broker[end]();
      for (const [i, { folder }] of made.entries()) {
        for (const name of readdirSync(folder).filter((each) => /\.(index|timeindex)$/.test(each))) {
          const path = join(folder, name);
          const bytes = readFileSync(path);
          if (i === 0) writeFileSync(path, Buffer.alloc(bytes.length + 5, 0xff));
          else if (i === 1) writeFileSync(path, bytes.reverse());
          else (await import('node:fs')).rmSync(path);
        }
      }
      await again();
      for (const { topic } of made) {
        expect(await values(topic)).toEqual(upTo(batchCount));
        const middle = await fetch(wire, topic, 25, { partitionMaxBytes: 1 });
        expect([...batchesIn(middle.records!)].map(({ baseOffset }) => baseOffset)).toEqual([25]);
        expect((await produce(wire, topic, batchOf(['after']))).baseOffset).toBe(batchCount);
      }
    }
    expect(broker.stderr()).toMatch(/index.*rebuilt/);
  });

  test('a torn tail is cut at the last whole batch, a flipped bit in front of its batch; the other logs are whole', async () => {
    const [torn, flipped, whole] = [await filled('torn'), await filled('flipped'), await filled('whole')];
    await broker.kill();
    const logOf = ({ folder }: { folder: string }) => join(folder, '00000000000000000000.log');
    const size = statSync(logOf(torn)).size;
    truncateSync(logOf(torn), size - 7);
    const bytes = readFileSync(logOf(flipped));
    const at = [...batchesIn(bytes)][20]!.position;
    bytes[at + 200]! ^= 0x10;
    writeFileSync(logOf(flipped), bytes);
    await again();
    expect(await values(torn.topic)).toEqual(upTo(batchCount - 1));
    expect(await values(flipped.topic)).toEqual(upTo(20));
    expect(await values(whole.topic)).toEqual(upTo(batchCount));
    expect(broker.stderr()).toContain(torn.topic);
    expect(broker.stderr()).toContain(flipped.topic);
    expect((await produce(wire, torn.topic, batchOf(['after']))).baseOffset).toBe(batchCount - 1);
    expect((await produce(wire, flipped.topic, batchOf(['after']))).baseOffset).toBe(20);
  });
});
