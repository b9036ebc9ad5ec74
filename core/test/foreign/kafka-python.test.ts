// The broker as kafka-python sees it: python/kafka_python_suite.py. Skipped, with a printed reason, where the client is not installed.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disposeClean } from './data-folder.ts';
import { type ForeignBroker, skipped, startBroker } from './harness.ts';
import { pythonMissing, runPython } from './python.ts';

const checkCountMin = 7;
const missing = pythonMissing('kafka');

describe.skipIf(missing !== undefined && skipped('kafka-python', missing))('kafka-python', () => {
  let broker: ForeignBroker;

  beforeAll(async () => {
    broker = await startBroker();
  });
  afterAll(async () => {
    await disposeClean(broker, 'kafka-python');
  });

  test('produce, consume, groups, admin, transactions, errors', { timeout: 150_000 }, async () => {
    const results = await runPython('kafka_python_suite.py', broker.bootstrap);
    expect(results.filter(({ error }) => error !== null)).toEqual([]);
    expect(results.length).toBeGreaterThanOrEqual(checkCountMin);
  });
});
