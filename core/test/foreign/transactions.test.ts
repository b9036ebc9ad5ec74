// Transactions as foreign clients see them: kafkajs (which enters partitions itself) writes, kafkajs and kcat read committed, and Apache Kafka's
// dump-log reads the coordinator's records, the markers and the aborted index.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import kafkajs, { type Admin, type Producer } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disposeClean } from './data-folder.ts';
import { eventually, type ForeignBroker, freshName, owned, skipped, startBroker } from './harness.ts';
import { dumpLog, kafkaClasspath } from './java.ts';
import { kcat, kcatMissing } from './kcat.ts';

const classpath = kafkaClasspath();
const groups = 3;

describe('foreign transactions', { timeout: 60_000 }, () => {
  let broker: ForeignBroker;
  let kafka: kafkajs.Kafka;
  let admin: Admin;
  const producers: Producer[] = [];

  beforeAll(async () => {
    broker = await startBroker();
    kafka = new kafkajs.Kafka({
      brokers: [broker.bootstrap],
      logLevel: kafkajs.logLevel.NOTHING,
      retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 10 },
    });
    admin = kafka.admin();
    await admin.connect();
  });
  afterAll(async () => {
    await Promise.allSettled([...producers.map((each) => each.disconnect()), admin?.disconnect()]);
    await disposeClean(broker, 'transactions');
  });

  async function transactional(transactionalId: string): Promise<Producer> {
    const producer = kafka.producer({
      transactionalId,
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    });
    producers.push(producer);
    await producer.connect();
    return producer;
  }

  /** Values in `topic`: of three groups of records the second is aborted. */
  async function written(topic: string): Promise<string[]> {
    await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] });
    const producer = await transactional(freshName('kafkajs'));
    const expected: string[] = [];
    for (let group = 0; group < groups; group++) {
      const messages = [0, 1, 2, 3].map((i) => ({ partition: i % 2, value: `${group}-${i}` }));
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages });
      await transaction.sendOffsets({
        consumerGroupId: `${topic}-group`,
        topics: [{ topic, partitions: [{ partition: 0, offset: String(100 + group) }] }],
      });
      if (group === 1) await transaction.abort();
      else {
        await transaction.commit();
        expected.push(...messages.map((each) => each.value));
      }
    }
    return expected.sort();
  }

  test('kafkajs: what is committed is read, with its offsets', async () => {
    const topic = freshName('kafkajs');
    const expected = await written(topic);
    const reader = kafka.consumer({ groupId: freshName('reader'), readUncommitted: false, maxWaitTimeInMs: 100 });
    const values: string[] = [];
    try {
      await reader.connect();
      await reader.subscribe({ topics: [topic], fromBeginning: true });
      await reader.run({ eachMessage: async ({ message }) => void values.push(String(message.value)) });
      await eventually('the committed records', () => values.length >= expected.length);
    } finally {
      await reader.disconnect();
    }
    expect(values.sort()).toEqual(expected);
    const offsets = await admin.fetchOffsets({ groupId: `${topic}-group`, topics: [topic] });
    expect(offsets[0]!.partitions.find((each) => each.partition === 0)?.offset).toBe('102');
  });

  test('kafkajs: an older producer with the same id is fenced', async () => {
    const topic = freshName('fenced');
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
    const id = freshName('kafkajs');
    const [older, newer] = [await transactional(id), await transactional(id)];
    const stale = await older.transaction();
    await stale.send({ topic, messages: [{ value: 'stale' }] });
    const fresh = await newer.transaction();
    await fresh.send({ topic, messages: [{ value: 'fresh' }] });
    await expect(stale.commit()).rejects.toThrow();
    await fresh.commit();
    const { low, high } = (await admin.fetchTopicOffsets(topic))[0]!;
    // Two records, the marker that fenced and the one that committed.
    expect([low, high]).toEqual(['0', '4']);
  });

  test.skipIf(kcatMissing !== undefined && skipped('kcat read_committed', kcatMissing))(
    'kcat: read_committed leaves out what was aborted, read_uncommitted has it',
    async () => {
      const topic = freshName('kcat');
      const expected = await written(topic);
      const read = async (level: string) => {
        const args = ['-C', '-q', '-e', '-b', broker.bootstrap, '-t', topic, '-o', 'beginning'];
        const { code, stdout } = await kcat([...args, '-X', `isolation.level=${level}`]);
        expect(code).toBe(0);
        return stdout
          .split('\n')
          .filter((line) => line !== '')
          .sort();
      };
      expect(await read('read_committed')).toEqual(expected);
      expect(await read('read_uncommitted')).toHaveLength(groups * 4);
    },
  );

  const missing = 'missing' in classpath ? classpath.missing : undefined;
  test.runIf(owned && (missing === undefined || !skipped('dump-log of transactions', missing)))(
    "dump-log reads the coordinator's records, the markers and the offsets",
    async () => {
      const topic = freshName('dump');
      await written(topic);
      const logsOf = (prefix: string) =>
        readdirSync(broker.dataDir)
          .filter((name) => name.startsWith(prefix))
          .map((name) => join(broker.dataDir, name, '00000000000000000000.log'))
          .filter((path) => statSync(path).size > 0);
      const state = await dumpLog(logsOf('__transaction_state-'), '--transaction-log-decoder');
      expect(state.complaints).toEqual([]);
      expect(state.stdout).toContain('"transactionStatus":4');
      const data = await dumpLog(logsOf(`${topic}-`), '--deep-iteration', '--print-data-log');
      expect(data.complaints).toEqual([]);
      expect(data.stdout).toContain('endTxnMarker: ABORT');
      expect(data.stdout).toContain('endTxnMarker: COMMIT');
      const offsets = await dumpLog(logsOf('__consumer_offsets-'), '--offsets-decoder');
      expect(offsets.complaints).toEqual([]);
      expect(offsets.stdout).toContain('endTxnMarker: COMMIT');
    },
  );
});
