// Several log dirs on one broker (KIP-112, KIP-113): placement, sizes, a move while producers write, a log dir that is broken from the start.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Metadata } from '../../protocol/messages/03-metadata.ts';
import { AlterReplicaLogDirs } from '../../protocol/messages/34-alter-replica-log-dirs.ts';
import { DescribeLogDirs } from '../../protocol/messages/35-describe-log-dirs.ts';
import { recordsOf } from '../../protocol/record.ts';
import { batchesIn } from '../../protocol/record-batch.ts';
import { eventually, type ForeignBroker, owned, startBroker } from '../foreign/harness.ts';
import { batchOf, createTopic, fetch, produce, Wire } from './wire.ts';

const [STORAGE_ERROR, LOG_DIR_NOT_FOUND, UNKNOWN_TOPIC, LEADER_NOT_AVAILABLE] = [56, 57, 3, 5];

describe.skipIf(!owned)('log dirs', { timeout: 60_000 }, () => {
  const root = mkdtempSync(join(tmpdir(), 'mqlab-dirs-'));
  const [a, b, broken] = ['a', 'b', 'broken'].map((name) => join(root, name)) as [string, string, string];
  let broker: ForeignBroker;
  let wire: Wire;

  beforeAll(async () => {
    broker = await startBroker({ set: { 'log.dirs': [a, b, broken].join(','), 'log.segment.bytes': 1048576 } });
    wire = await Wire.open(broker);
  });
  afterAll(async () => {
    wire?.close();
    await broker?.dispose();
    rmSync(root, { recursive: true, force: true });
  });

  const dirs = async (topics: { topic: string; partitions: number[] }[] | null, version = 5) => {
    const { errorCode, results } = await wire.ask(DescribeLogDirs, version, { topics });
    expect(errorCode).toBe(0);
    return new Map(results.map(({ logDir, ...rest }) => [logDir, rest]));
  };
  const move = async (path: string, name: string, partition: number) => {
    const request = { dirs: [{ path, topics: [{ name, partitions: [partition] }] }] };
    const { results } = await wire.ask(AlterReplicaLogDirs, 2, request);
    expect(results).toHaveLength(1);
    return results[0]!.partitions[0]!.errorCode;
  };
  const restart = async () => {
    wire.close();
    await broker.stop();
    await broker.restart();
    wire = await Wire.open(broker);
  };

  test('each log dir has its own meta.properties; new partitions go where there are fewest', async () => {
    await createTopic(wire, 'spread', 6);
    const all = await dirs(null);
    expect([...all.keys()]).toEqual([a, b, broken]);
    expect([...all.values()].map(({ topics }) => topics[0]?.partitions.length)).toEqual([2, 2, 2]);
    const ids = [a, b, broken].map(
      (dir) => /^directory.id=(.+)$/m.exec(readFileSync(join(dir, 'meta.properties'), 'utf8'))![1],
    );
    expect(new Set(ids).size).toBe(3);
    expect(existsSync(join(a, '__cluster_metadata-0'))).toBe(true);
    expect(existsSync(join(b, '__cluster_metadata-0'))).toBe(false);
  });

  test('DescribeLogDirs: named partitions only, sizes of partitions and devices, no topics for an empty request', async () => {
    await createTopic(wire, 'sized');
    const batch = batchOf(['x'.repeat(1000)]);
    await produce(wire, 'sized', batch);
    const found = [
      ...(
        await dirs([
          { topic: 'sized', partitions: [0, 9] },
          { topic: 'none', partitions: [0] },
        ])
      ).values(),
    ];
    expect(found.flatMap(({ topics }) => topics)).toEqual([
      {
        name: 'sized',
        partitions: [{ partitionIndex: 0, partitionSize: batch.length, offsetLag: 0, isFutureKey: false }],
      },
    ]);
    for (const { totalBytes, usableBytes, isCordoned } of found) {
      expect(totalBytes).toBeGreaterThan(usableBytes);
      expect(usableBytes).toBeGreaterThan(0);
      expect(isCordoned).toBe(false);
    }
    for (const { topics } of (await dirs([], 1)).values()) expect(topics).toEqual([]);
    for (const { topics } of (await dirs([{ topic: 'sized', partitions: [] }], 2)).values()) expect(topics).toEqual([]);
  });

  test('AlterReplicaLogDirs: unknown folders and partitions are refused, a move to the present place is nothing', async () => {
    expect(await move(join(root, 'nowhere'), 'spread', 0)).toBe(LOG_DIR_NOT_FOUND);
    expect(await move(join(root, 'nowhere'), 'none', 0)).toBe(LOG_DIR_NOT_FOUND);
    expect(await move(b, 'none', 0)).toBe(UNKNOWN_TOPIC);
    expect(await move(b, 'spread', 77)).toBe(UNKNOWN_TOPIC);
    expect(await move(b, '__cluster_metadata', 0)).toBe(UNKNOWN_TOPIC);
    const home = [...(await dirs([{ topic: 'spread', partitions: [0] }]))].find(
      ([, { topics }]) => topics.length > 0,
    )![0];
    expect(await move(home, 'spread', 0)).toBe(0);
  });

  test('a partition moves while a producer writes: nothing is lost, doubled or reordered, before and after a restart', async () => {
    await createTopic(wire, 'moving');
    const topics = [{ topic: 'moving', partitions: [0] }];
    const homes = async () => {
      const logs = [...(await dirs(topics))].flatMap(([dir, found]) =>
        found.topics.map((each) => [dir, each.partitions[0]!] as const),
      );
      return {
        current: logs.find(([, each]) => !each.isFutureKey)![0],
        isMoving: logs.some(([, each]) => each.isFutureKey),
      };
    };
    const from = (await homes()).current;
    let count = 0;
    const write = async (): Promise<void> => {
      const { errorCode, baseOffset } = await produce(wire, 'moving', batchOf([`${count}:${'v'.repeat(20_000)}`]));
      expect([errorCode, baseOffset]).toEqual([0, count]);
      count++;
    };
    while (count < 200) await write();
    for (const target of [from === a ? b : a, from]) {
      expect(await move(target, 'moving', 0)).toBe(0);
      await eventually('the move', async () => {
        await write();
        const { current, isMoving } = await homes();
        return current === target && !isMoving;
      });
      for (let i = 0; i < 5; i++) await write();
    }
    const values = async () => {
      const seen: string[] = [];
      for (let offset = 0; offset < count; ) {
        const { errorCode, records } = await fetch(wire, 'moving', offset);
        expect(errorCode).toBe(0);
        for (const batch of batchesIn(records!)) {
          for (const record of recordsOf(batch)) seen.push(String(record.value).split(':')[0]!);
          offset = batch.nextOffset;
        }
      }
      return seen;
    };
    const all = Array.from({ length: count }, (_, i) => String(i));
    expect(await values()).toEqual(all);
    await restart();
    expect((await homes()).current).toBe(from);
    expect(await values()).toEqual(all);
    expect([a, b, broken].flatMap((dir) => readdirSync(dir)).filter((name) => name.endsWith('-future'))).toEqual([]);
  });

  test('a log dir that cannot be opened: its partitions are offline, nothing is made in their place, the others go on', async () => {
    const lost = (await dirs([{ topic: 'spread', partitions: [0, 1, 2, 3, 4, 5] }])).get(broken)!;
    const gone = lost.topics[0]!.partitions.map(({ partitionIndex }) => partitionIndex);
    expect(gone.length).toBeGreaterThan(0);
    wire.close();
    await broker.stop();
    const aside = join(root, 'aside');
    rmSync(aside, { recursive: true, force: true });
    const { renameSync } = await import('node:fs');
    renameSync(broken, aside);
    writeFileSync(broken, 'no folder');
    await broker.restart();
    wire = await Wire.open(broker);
    expect((await dirs(null)).get(broken)).toMatchObject({ errorCode: STORAGE_ERROR, topics: [] });
    expect(await move(broken, 'moving', 0)).toBe(STORAGE_ERROR);
    for (let partition = 0; partition < 6; partition++) {
      const { errorCode } = await produce(wire, 'spread', batchOf(['x']), { partition });
      expect(errorCode, `partition ${partition}`).toBe(gone.includes(partition) ? STORAGE_ERROR : 0);
    }
    const { topics } = await wire.ask(Metadata, 12, { topics: [{ name: 'spread' }] });
    const leaderless = topics[0]!.partitions.filter(({ errorCode }) => errorCode === LEADER_NOT_AVAILABLE);
    expect(leaderless.map(({ partitionIndex }) => partitionIndex).sort()).toEqual([...gone].sort());
    await createTopic(wire, 'later', 2);
    wire.close();
    await broker.stop();
    rmSync(broken);
    renameSync(aside, broken);
    mkdirSync(broken, { recursive: true });
    await broker.restart();
    wire = await Wire.open(broker);
    for (let partition = 0; partition < 6; partition++) {
      const { errorCode } = await produce(wire, 'spread', batchOf(['x']), { partition });
      expect(errorCode, `partition ${partition}`).toBe(0);
    }
  });
});
