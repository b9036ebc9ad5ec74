// The broker as confluent-kafka (librdkafka, from Python) sees it: python/confluent_suite.py. Skipped, with a printed reason, where the client is not installed.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disposeClean } from './data-folder.ts';
import { type ForeignBroker, skipped, startBroker } from './harness.ts';
import { pythonMissing, runPython } from './python.ts';

const checkCountMin = 15;
const missing = pythonMissing('confluent_kafka');

describe.skipIf(missing !== undefined && skipped('confluent-kafka', missing))('confluent-kafka', () => {
  let broker: ForeignBroker;

  beforeAll(async () => {
    broker = await startBroker({
      set: {
        'group.consumer.min.heartbeat.interval.ms': 100,
        'group.consumer.heartbeat.interval.ms': 200,
        'group.consumer.assignment.interval.ms': 0,
      },
    });
  });
  afterAll(async () => {
    await disposeClean(broker, 'confluent-kafka');
  });

  test('produce, consume, groups of both protocols, admin, transactions, errors', { timeout: 150_000 }, async () => {
    const results = await runPython('confluent_suite.py', broker.bootstrap);
    expect(results.filter(({ error }) => error !== null)).toEqual([]);
    expect(results.length).toBeGreaterThanOrEqual(checkCountMin);
  });
});
