import { fc, test as propertyTest } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { OpenLoop, type OpenLoopResult } from './open-loop.ts';

/**
 * A sink in virtual time: answers a record `serviceMs` after it came, except that nothing is answered while it stalls. Time moves in steps of 1 ms.
 */
interface Sink {
  readonly serviceMs: number;
  readonly stallFromMs: number;
  readonly stallUntilMs: number;
}

interface Setting {
  readonly ratePerSecond: number;
  readonly forMs: number;
  readonly outstandingMax: number;
  readonly untilMs: number;
}

function drive(sink: Sink, setting: Setting): { result: OpenLoopResult; mostOpen: number; sent: number } {
  let nowMs = 0;
  let sent = 0;
  let mostOpen = 0;
  const inside: { index: number; readyAtMs: number }[] = [];
  const loop: OpenLoop = new OpenLoop({
    ...setting,
    startMs: 0,
    now: () => nowMs,
    send: (index) => {
      sent++;
      inside.push({ index, readyAtMs: nowMs + sink.serviceMs });
      mostOpen = Math.max(mostOpen, loop.outstanding);
    },
  });
  for (; nowMs < setting.untilMs && !loop.isDone; nowMs++) {
    const isStalled = nowMs >= sink.stallFromMs && nowMs < sink.stallUntilMs;
    while (!isStalled && inside.length > 0 && inside[0]!.readyAtMs <= nowMs) loop.done(inside.shift()!.index, true);
    while (loop.tick() === 0);
  }
  return { result: loop.finish(), mostOpen, sent };
}

test('a stall is in the latency of every record that was due meanwhile, sent or not: no coordinated omission', () => {
  const sink = { serviceMs: 1, stallFromMs: 500, stallUntilMs: 1_500 };
  // Room for ten: a generator that only timed what it could send would report ten slow records of two thousand.
  const { result, mostOpen } = drive(sink, { ratePerSecond: 1_000, forMs: 2_000, outstandingMax: 10, untilMs: 60_000 });
  expect(mostOpen).toBe(10);
  expect(result.due).toBe(2_000);
  expect(result.latencies.count).toBe(2_000);
  const latency = result.latencies.summary()!;
  // A thousand records were due in the second of the stall, evenly: the median of all is where the quick ones end, and p99 near its whole length.
  expect(latency.p99Ms).toBeGreaterThan(900);
  expect(latency.maxMs).toBeGreaterThan(990);
  expect(latency.p50Ms).toBeGreaterThan(1);
  expect(result.lateness.summary()!.maxMs).toBeGreaterThan(900);
});

test('the same sink without the stall answers at once', () => {
  const sink = { serviceMs: 1, stallFromMs: 0, stallUntilMs: 0 };
  const { result } = drive(sink, { ratePerSecond: 1_000, forMs: 2_000, outstandingMax: 10, untilMs: 60_000 });
  expect(result.latencies.summary()!.maxMs).toBeLessThan(3);
  expect(result.unfinished).toBe(0);
});

test('what is never answered is counted, with the time that it waited', () => {
  const sink = { serviceMs: 1, stallFromMs: 100, stallUntilMs: Number.POSITIVE_INFINITY };
  const { result, sent } = drive(sink, { ratePerSecond: 1_000, forMs: 1_000, outstandingMax: 50, untilMs: 1_400 });
  expect(sent).toBeLessThan(200);
  expect(result.due).toBe(1_000);
  expect(result.unfinished).toBeGreaterThan(890);
  expect(result.latencies.summary()!.maxMs).toBeGreaterThan(1_290);
});

propertyTest.prop([
  fc.record({
    serviceMs: fc.integer({ min: 0, max: 30 }),
    stallFromMs: fc.integer({ min: 0, max: 300 }),
    stallUntilMs: fc.integer({ min: 0, max: 600 }),
  }),
  fc.record({
    ratePerSecond: fc.integer({ min: 10, max: 3_000 }),
    forMs: fc.integer({ min: 1, max: 400 }),
    outstandingMax: fc.integer({ min: 1, max: 200 }),
    untilMs: fc.integer({ min: 400, max: 2_000 }),
  }),
])('each record that was due is counted once, and never more are open than allowed', (sink, setting) => {
  const { result, mostOpen } = drive(sink, setting);
  const total = Math.ceil((setting.forMs / 1000) * setting.ratePerSecond);
  expect(result.due).toBe(total);
  expect(result.acknowledged + result.failed + result.unfinished).toBe(total);
  expect(result.latencies.count).toBe(total);
  expect(mostOpen).toBeLessThanOrEqual(setting.outstandingMax);
});

test('a record done twice is a bug of whoever sends', () => {
  let first = -1;
  const loop = new OpenLoop({
    ratePerSecond: 10,
    startMs: 0,
    forMs: 100,
    outstandingMax: 1,
    now: () => 1,
    send: (index) => {
      first = index;
    },
  });
  loop.tick();
  loop.done(first, true);
  expect(() => loop.done(first, true)).toThrow(/twice/);
});
