import { afterAll, beforeAll, expect, test } from 'vitest';
import { generatorCeiling } from './generator-ceiling.ts';
import { compared, interleaved } from './interleave.ts';
import { meanBytes, randomTextPayload, recordPayload, valuesOf } from './payload.ts';
import { processUsage } from './process-usage.ts';
import { runLoad } from './run-load.ts';
import { type ServerProcess, startNullSink } from './server-process.ts';
import { namedWorkload, parseWorkload, type Workload } from './workload.ts';

let sink: ServerProcess;
beforeAll(async () => {
  sink = await startNullSink(2);
});
afterAll(() => sink.stop());

const short: Workload = { ...namedWorkload('records-1k'), partitions: 2, warmupMs: 100, measureMs: 300 };

test('an open loop against a sink that keeps nothing: what is due is sent and acknowledged', async () => {
  const payload = randomTextPayload(1024, 7);
  const result = await runLoad({
    workload: { ...short, recordsPerSecond: 2_000 },
    payload,
    server: { ...sink, isSink: true },
  });
  expect(result.due).toBe(600);
  expect(result.acknowledged).toBe(600);
  expect(result.failure).toBeNull();
  expect(result.latency?.count).toBe(600);
  expect(result.latency!.p50Ms).toBeGreaterThanOrEqual(result.lateness!.p50Ms);
});

test('a closed loop has a throughput and no latency', async () => {
  const result = await generatorCeiling({ ...short, measureMs: 2_000 }, randomTextPayload(1024, 7), {
    ...sink,
    isSink: true,
  });
  expect(result.bytesPerSecond).toBeGreaterThan(0);
  expect(result.bytesPerSecond / result.recordsPerSecond).toBeCloseTo(1024, 6);
  expect(result.latency).toBeNull();
});

test('processor time and memory of a process of this machine', () => {
  const usage = processUsage(sink.pid);
  if (process.platform === 'linux') expect(usage!.rssBytesPeak).toBeGreaterThan(1e6);
  expect(processUsage(undefined)).toBeNull();
  expect(processUsage(2 ** 22 + 1)).toBeNull();
});

test('payloads: exact sizes, no value like another, the same for a seed', () => {
  const random = randomTextPayload(100, 1);
  const values = valuesOf(random).map((value) => value.toString('latin1'));
  expect(new Set(values).size).toBe(values.length);
  expect(values.every((value) => value.length === 100)).toBe(true);
  expect(valuesOf(randomTextPayload(100, 1))[3]!.toString()).toBe(values[3]);
  expect(valuesOf(randomTextPayload(100, 2))[3]!.toString()).not.toBe(values[3]);
  const records = Array.from({ length: 50 }, (_, i) => `{"flight":${i},"to":"Zürich"}`);
  const cut = recordPayload(records, 64, 'flights');
  expect(valuesOf(cut).every((value) => value.length === 64)).toBe(true);
  const real = recordPayload(records, 'real', 'flights');
  expect(valuesOf(real).map(String)).toEqual(records);
  expect(meanBytes(real)).toBeCloseTo(records.reduce((sum, each) => sum + Buffer.byteLength(each), 0) / 50, 6);
});

test('a workload is refused by the name of what is wrong', () => {
  expect(() => parseWorkload({ ...short, acks: '2' }, 'x')).toThrow('x: acks "2"; allowed: 0, 1, all');
  expect(() => parseWorkload({ ...short, colour: 1 }, 'x')).toThrow('unknown property colour');
  expect(() => parseWorkload({ ...short, recordsPerSecond: 0 }, 'x')).toThrow('or "max"');
  expect(() => parseWorkload([], 'x')).toThrow('an object');
});

test('pairs are interleaved, and the ratio is taken pair by pair', async () => {
  const order: string[] = [];
  const pairs = await interleaved(
    3,
    async (pair) => order.push(`a${pair}`) && 10 * (pair + 1),
    async (pair) => order.push(`b${pair}`) && 20 * (pair + 1),
  );
  expect(order).toEqual(['a0', 'b0', 'b1', 'a1', 'a2', 'b2']);
  expect(compared(pairs, (value) => value).ratio).toEqual({ median: 2, min: 2, max: 2, samples: 3 });
});
