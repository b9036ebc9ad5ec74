import { afterAll, beforeAll, expect, test } from 'vitest';
import { Session } from '../compare/session.ts';
import { mqlab } from '../peers/mqlab/mqlab.ts';
import { inRound } from './interleave.ts';
import { partitionChooser } from './partition-chooser.ts';
import { randomTextPayload } from './payload.ts';
import { drainPeer, loadPeer, type PeerLoadSetting } from './peer-load.ts';
import { usageOfAll } from './process-usage.ts';

const TOPICS = [
  { name: 'a', partitions: 2 },
  { name: 'b', partitions: 1 },
];
const places = (keys: 'none' | 'round-robin' | 'random', records: number): string[] => {
  const chooser = partitionChooser(TOPICS, keys, 250, 0);
  return Array.from({ length: records }, () => {
    chooser.next(100);
    return `${chooser.topic}${chooser.partition}`;
  });
};

test('without keys a partition is kept until a batch is full; with them records go round or anywhere', () => {
  expect(places('none', 7)).toEqual(['a0', 'a0', 'a1', 'a1', 'b0', 'b0', 'a0']);
  expect(places('round-robin', 4)).toEqual(['a1', 'b0', 'a0', 'a1']);
  expect(new Set(places('random', 200))).toEqual(new Set(['a0', 'a1', 'b0']));
  expect(() => partitionChooser([], 'none', 1, 0)).toThrow('no partition');
});

test('any number of systems in turn, back and forth', () => {
  expect(inRound(['a', 'b', 'c'], 0)).toEqual(['a', 'b', 'c']);
  expect(inRound(['a', 'b', 'c'], 1)).toEqual(['c', 'b', 'a']);
});

let session: Session;
beforeAll(async () => {
  session = await Session.open({ peer: mqlab, version: 'this one' }, false);
});
afterAll(() => session.close());

const setting: Omit<PeerLoadSetting, 'topics'> = {
  acks: '1',
  keys: 'none',
  batchBytes: 16_384,
  lingerMs: 0,
  producers: 1,
  consumers: 1,
  outstandingBytesMax: 1 << 20,
  recordsPerSecond: 500,
  warmupMs: 50,
  measureMs: 300,
  drainMsMax: 10_000,
};

test('an open loop through a peer: what is due is acknowledged and read along, with its time', async () => {
  const topics = await session.newTopics(1, 2);
  const result = await loadPeer(session.target, { ...setting, topics }, randomTextPayload(200, 1));
  expect(result.failure).toBeNull();
  expect(result.unfinished).toBe(0);
  expect(result.latency?.count).toBe(150);
  expect(result.endToEnd?.count).toBe(150);
  expect(result.recordsConsumed).toBe(result.recordsSent);
  await session.dropTopics(topics);
});

test('a closed loop, then everything that it wrote is drained', async () => {
  const topics = await session.newTopics(2, 1);
  const closed = { ...setting, topics, measureMs: 1_500, producers: 2, consumers: 0, recordsPerSecond: 'max' } as const;
  const produced = await loadPeer(session.target, closed, randomTextPayload(1024, 1));
  expect(produced.failed).toBe(0);
  expect(produced.bytesPerSecond / produced.recordsPerSecond).toBeCloseTo(1024, 6);
  const drained = await drainPeer(session.target, topics, 2, produced.recordsSent);
  expect(drained.records).toBe(produced.recordsSent);
  await session.dropTopics(topics);
  if (process.platform === 'linux') expect(usageOfAll(session.running.pids)!.cpuSeconds).toBeGreaterThan(0);
});
