import { cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CleaningWorld } from './test/cleaning-world.ts';
import { batch, readAll, T0, TestFolder } from './test/fixture.ts';

const INDEX = /\.(index|timeindex|snapshot)$/;
const CONFIG = { segmentBytes: 1500, indexIntervalBytes: 200 };

test('cut at every byte, a log recovers to its whole batches', async () => {
  using folder = new TestFolder();
  const log = folder.log();
  const ends: { bytes: number; offset: number }[] = [{ bytes: 0, offset: 0 }];
  for (let index = 0; index < 4; index++) {
    log.append(batch(['a', 'bb'].slice(0, 1 + (index % 2)), T0, { compression: index === 2 ? 'gzip' : 'none' }), 0);
    ends.push({ bytes: log.size, offset: log.logEndOffset });
  }
  const file = `${log.directory}/00000000000000000000.log`;
  const bytes = readFileSync(file);
  await log.close();
  for (let cut = 0; cut <= bytes.length; cut++) {
    writeFileSync(file, bytes.subarray(0, cut));
    folder.problems.length = 0;
    const again = folder.log({}, { isClean: false });
    const want = ends.findLast((end) => end.bytes <= cut)!;
    expect([again.size, again.logEndOffset]).toEqual([want.bytes, want.offset]);
    expect(folder.problems.length).toBe(want.bytes === cut ? 0 : 1);
    again.closeFiles();
  }
});

test('a flipped byte anywhere cuts the log in front of its batch', async () => {
  using folder = new TestFolder();
  const log = folder.log();
  for (let index = 0; index < 3; index++) log.append(batch([`v${index}`]), 0);
  const file = `${log.directory}/00000000000000000000.log`;
  const bytes = readFileSync(file);
  await log.close();
  const batchBytes = bytes.length / 3;
  for (let at = 0; at < bytes.length; at++) {
    const inBatch = at % batchBytes;
    // The leader epoch is not covered by the CRC; a higher base offset may be a gap.
    if ((inBatch >= 12 && inBatch < 16) || inBatch < 8) continue;
    const damaged = Buffer.from(bytes);
    damaged[at] = damaged[at]! ^ 0x40;
    writeFileSync(file, damaged);
    const again = folder.log({}, { isClean: false });
    expect(again.logEndOffset).toBe(Math.floor(at / batchBytes));
    again.closeFiles();
  }
});

test('indexes and snapshots rebuilt equal those that were written', async () => {
  using folder = new TestFolder();
  const log = folder.log(CONFIG);
  for (let index = 0; index < 60; index++) {
    const options = index % 2 === 0 ? { producerId: 7, producerEpoch: 0, baseSequence: index } : {};
    log.append(batch([`a${index}`, `b${index}`], T0 + ((index * 7) % 50), options), index < 20 ? 0 : 1);
  }
  await log.close();
  const before = new Map(readdirSync(log.directory).map((name) => [name, readFileSync(`${log.directory}/${name}`)]));
  for (const name of before.keys())
    if (INDEX.test(name) || name.startsWith('leader')) rmSync(`${log.directory}/${name}`);
  const again = folder.log(CONFIG, { isClean: false });
  expect(readAll(again).length).toBe(120);
  await again.close();
  const after = new Map(readdirSync(log.directory).map((name) => [name, readFileSync(`${log.directory}/${name}`)]));
  expect([...after.keys()]).toEqual([...before.keys()]);
  for (const [name, bytes] of before) expect([name, after.get(name)!.equals(bytes)]).toEqual([name, true]);
  expect(folder.problems).toEqual([]);
});

test('damage in the middle cuts there, removes the later segments and says so', async () => {
  using folder = new TestFolder();
  const log = folder.log(CONFIG);
  for (let index = 0; index < 60; index++) log.append(batch([`a${index}`]), 0);
  const second = log.segments[1]!.baseOffset;
  const name = `${log.directory}/${String(second).padStart(20, '0')}.log`;
  await log.close();
  const size = statSync(name).size;
  truncateSync(name, size - 3);
  const again = folder.log(CONFIG, { isClean: false });
  expect(again.segments.length).toBe(2);
  expect(again.logEndOffset).toBe(log.segments[2]!.baseOffset - 1);
  expect(folder.problems).toHaveLength(1);
  expect(folder.problems[0]).toContain('later segments were removed');
  again.closeFiles();
});

test('below the recovery point only a broken index is looked at', async () => {
  using folder = new TestFolder();
  const log = folder.log(CONFIG);
  for (let index = 0; index < 60; index++) log.append(batch([`a${index}`]), 0);
  await log.close();
  writeFileSync(`${log.directory}/00000000000000000000.index`, Buffer.alloc(13));
  const again = folder.log(CONFIG, { isClean: false, recoveryPoint: 60 });
  expect(folder.problems).toHaveLength(1);
  expect(readAll(again).length).toBe(60);
  again.closeFiles();
});

test('leftovers of deletion and compaction go; a finished swap takes its place', async () => {
  using folder = new TestFolder();
  const log = folder.log(CONFIG);
  for (let index = 0; index < 40; index++) log.append(batch([`a${index}`]), 0);
  const base = String(log.segments[1]!.baseOffset).padStart(20, '0');
  await log.close();
  const path = (name: string) => `${log.directory}/${name}`;
  cpSync(path(`${base}.log`), path(`${base}.log.swap`));
  writeFileSync(path(`${base}.log`), 'overwritten by the swap');
  writeFileSync(path('00000000000000000003.log.deleted'), 'x');
  writeFileSync(path('00000000000000000004.log.cleaned'), 'x');
  const again = folder.log(CONFIG, { isClean: false });
  expect(readAll(again).length).toBe(40);
  expect(readdirSync(log.directory).filter((name) => /deleted|cleaned|swap/.test(name))).toEqual([]);
  again.closeFiles();
});

test('a segment rolled right at the recovery point is not believed after a power cut: its indexes may be lost', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const sim = await new CleaningWorld(seed, { cleanupPolicy: ['delete'] }).open();
    const producer = { producerId: 1, producerEpoch: 0, baseSequence: 0, isTransactional: true };
    sim.append([{ key: 'a', value: 'aborted' }], producer);
    sim.endTransaction(1, false);
    await sim.world.settle(sim.log.flush());
    await sim.world.settle(sim.manager.checkpoints.write('recoveryPoints'));
    sim.log.roll();
    sim.world.powerCut(['broker']);
    await sim.open(sim.process.restart());
    expect(sim.log.abortedTransactions(0, 2)).toMatchObject([{ producerId: 1, firstOffset: 0, lastOffset: 1 }]);
    expect([...sim.committed().keys()]).toEqual([]);
  }
});

test('what recovery removed stays away: the next power cut does not put it behind what was appended since', async () => {
  let cuts = 0;
  for (let seed = 0; seed < 60; seed++) {
    const sim = await new CleaningWorld(seed, { cleanupPolicy: ['delete'] }).open();
    sim.append([{ key: 'a', value: 'flushed' }]);
    await sim.world.settle(sim.log.flush());
    sim.log.roll();
    for (let i = 0; i < 6; i++) sim.append([{ key: `k${i}`, value: 'x'.repeat(300) }]);
    sim.world.powerCut(['broker']);
    await sim.open(sim.process.restart());
    if (sim.log.wasCut) cuts++;
    sim.append([{ key: 'later', value: 'y' }]);
    const end = sim.log.logEndOffset;
    sim.world.powerCut(['broker']);
    await sim.open(sim.process.restart());
    expect(sim.log.logEndOffset, `seed ${seed}`).toBeLessThanOrEqual(end);
  }
  expect(cuts).toBeGreaterThan(0);
});
