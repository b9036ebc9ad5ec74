import { expect, test } from 'vitest';
import { parseConsumerPerformance, parseEndToEndLatency, parseProducerPerformance } from './tools.ts';

const WHOLE =
  '200000 records sent, 10315.127134 records/sec (10.07 MB/sec), 2263.63 ms avg latency, 4888.00 ms max latency, 2049 ms 50th, 4192 ms 95th, 4683 ms 99th, 4858 ms 99.9th.';
const STEADY =
  '150000 steady state records sent, 12350.761630 records/sec (12.06 MB/sec), 1876.66 ms avg latency, 4085.00 ms max latency, 1727 ms 50th, 3590 ms 95th, 4049 ms 99th, 4078 ms 99.9th.';

test('of ProducerPerformance the steady state counts, where there is one', () => {
  const mib = 1024 * 1024;
  expect(parseProducerPerformance(`In steady state.\n${WHOLE}\n${STEADY}\n`)).toEqual({
    recordsPerSecond: 12350.76163,
    bytesPerSecond: 12.06 * mib,
    p50Ms: 1727,
    p99Ms: 4049,
    p999Ms: 4078,
  });
  expect(parseProducerPerformance(WHOLE).recordsPerSecond).toBe(10315.127134);
  expect(() => parseProducerPerformance('no broker')).toThrow('no broker');
});

test('of ConsumerPerformance the time of the join does not count', () => {
  const line =
    '2026-11-30 01:57:24:293, 2026-11-30 01:57:33:107, 195.3125, 22.1593, 200000, 22691.1731, 6147, 2667, 73.2330, 74990.6262';
  const found = parseConsumerPerformance(`WARNING: something\n${line}\n`);
  expect(found).toEqual({ bytesPerSecond: 73.233 * 1024 * 1024, recordsPerSecond: 74990.6262 });
  expect(() => parseConsumerPerformance('')).toThrow('no summary');
});

test('EndToEndLatency', () => {
  const output = '0\t142.2\nAvg latency: 3.7729 ms\nPercentiles: 50th = 1, 99th = 26, 99.9th = 142\n';
  expect(parseEndToEndLatency(output)).toEqual({ p50Ms: 1, p99Ms: 26, p999Ms: 142 });
  expect(() => parseEndToEndLatency('Avg')).toThrow('no percentiles');
});
