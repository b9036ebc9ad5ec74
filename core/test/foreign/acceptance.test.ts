// The main job, judged by clients that are not ours: kcat, kafkajs and @platformatic/kafka each put 20,000 real records through
// one broker, in all five codecs and in groups, while it is killed by kill −9 and started again.
// What must hold: every record whose send was acknowledged is delivered to its group, byte for byte. A record that was not
// acknowledged is sent again, so duplicates around the kill are legal; they are counted and printed.
// Then Kafka's dump-log reads the folder that is left. What is absent (kcat, java) is skipped with a printed reason.
import { setTimeout as sleep } from 'node:timers/promises';
import { Consumer, ProduceAcks, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Codec, codecOf, codecs, type FlightRecord, flights, numberOf } from './flights.ts';
import { eventually, type ForeignBroker, freshName, owned, skipped, startBroker } from './harness.ts';
import { dataFiles, dumpLog, kafkaClasspath } from './java.ts';
import { compressionTypes, registerKafkajsCodecs } from './kafkajs-codecs.ts';
import { kcat, kcatMissing } from './kcat.ts';

registerKafkajsCodecs();

const recordCount = 20_000;
const batchRecords = 250;
const partitionCount = 3;
const killAtShare = 0.5;
/** No client runs further ahead of the slowest one: the kill meets all of them at work. */
const leadRecordsMax = 4_000;
const deliverMsMax = 60_000;

/** What one client did: which records it knows to be stored, and what its group was given. */
class Ledger {
  readonly client: string;
  readonly topic: string;
  readonly group: string;
  readonly records: readonly FlightRecord[];
  acknowledged = 0;
  duplicates = 0;
  /** Whether the next batch may be sent. */
  mayGoOn: () => boolean = () => true;
  readonly wrong: string[] = [];
  readonly #delivered: Uint8Array;
  #deliveredCount = 0;

  constructor(client: string, topic: string, records: readonly FlightRecord[]) {
    this.client = client;
    this.topic = topic;
    this.group = `${topic}-group`;
    this.records = records;
    this.#delivered = new Uint8Array(records.length);
  }

  deliver(key: string | undefined, value: string): void {
    const n = numberOf(value);
    const sent = this.records[n];
    if (sent === undefined || sent.key !== key || sent.value !== value) this.wrong.push(`${key}\t${value}`);
    else if (this.#delivered[n] === 1) this.duplicates++;
    else {
      this.#delivered[n] = 1;
      this.#deliveredCount++;
    }
  }

  /** Notes a batch as stored, and waits while the others are far behind. */
  async acknowledge(batch: readonly FlightRecord[]): Promise<void> {
    this.acknowledged += batch.length;
    if (!this.mayGoOn()) await eventually('the others come after', this.mayGoOn, deliverMsMax);
  }

  get complete(): boolean {
    return this.#deliveredCount === this.records.length;
  }

  get missing(): number {
    return this.records.length - this.#deliveredCount;
  }
}

/** The records in the order of sending: runs of one codec, cut into batches. */
function batches(records: readonly FlightRecord[]): { codec: Codec; batch: readonly FlightRecord[] }[] {
  const out: { codec: Codec; batch: readonly FlightRecord[] }[] = [];
  for (let from = 0; from < records.length; from += batchRecords) {
    out.push({ codec: codecOf(from, records.length), batch: records.slice(from, from + batchRecords) });
  }
  return out;
}

/** Sends again until it is acknowledged: across the kill the client gives up before the broker is back. */
async function acknowledged(what: string, send: () => Promise<void>): Promise<void> {
  let last: unknown;
  for (const deadline = Date.now() + deliverMsMax; Date.now() < deadline; ) {
    try {
      return await send();
    } catch (error) {
      last = error;
      await sleep(100);
    }
  }
  throw new Error(`${what} was never acknowledged`, { cause: last });
}

interface Flow {
  /** Joins the group with two members and begins to read. */
  join(): Promise<void>;
  produce(): Promise<void>;
  close(): Promise<void>;
}

describe.skipIf(!owned && skipped('acceptance', 'an external broker cannot be killed'))('acceptance', () => {
  let broker: ForeignBroker;
  let kafka: kafkajs.Kafka;
  let admin: kafkajs.Admin;

  beforeAll(async () => {
    broker = await startBroker();
    kafka = new kafkajs.Kafka({
      clientId: 'acceptance-kafkajs',
      brokers: [broker.bootstrap],
      logLevel: kafkajs.logLevel.NOTHING,
      retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 50 },
    });
    admin = kafka.admin();
    await admin.connect();
  });

  afterAll(async () => {
    await admin?.disconnect().catch(() => {});
    await broker?.dispose();
  });

  test('20,000 records a client survive kill −9, and dump-log likes what is left', { timeout: 180_000 }, async () => {
    const clients: Record<string, (ledger: Ledger) => Flow> = { kafkajs: withKafkajs, platformatic: withPlatformatic };
    if (kcatMissing === undefined) clients.kcat = withKcat;
    else skipped('acceptance: kcat', kcatMissing);

    const ledgers = Object.keys(clients).map((client) => new Ledger(client, freshName(client), flights(recordCount)));
    await admin.createTopics({ topics: ledgers.map(({ topic }) => ({ topic, numPartitions: partitionCount })) });
    for (const ledger of ledgers) {
      ledger.mayGoOn = () => ledgers.every((one) => ledger.acknowledged <= one.acknowledged + leadRecordsMax);
    }
    const flows = ledgers.map((ledger) => clients[ledger.client]!(ledger));
    try {
      await Promise.all(flows.map((flow) => flow.join()));
      let done = false;
      const producing = Promise.all(flows.map((flow) => flow.produce())).finally(() => void (done = true));
      const killing = (async () => {
        const wanted = recordCount * killAtShare;
        await eventually(
          'half is acknowledged',
          () => done || ledgers.every((one) => one.acknowledged >= wanted),
          deliverMsMax,
        );
        const before = ledgers.map((one) => `${one.client} ${one.acknowledged}`).join(', ');
        await broker.kill();
        await broker.restart();
        return before;
      })();
      const [before] = await Promise.all([killing, producing]);
      for (const ledger of ledgers) expect(ledger.acknowledged, ledger.client).toBe(recordCount);
      await eventually('all delivered', () => ledgers.every((one) => one.complete), deliverMsMax).catch(() => {});
      const account = ledgers.map((one) => ({
        client: one.client,
        missing: one.missing,
        wrong: one.wrong.slice(0, 3),
      }));
      expect(account).toEqual(ledgers.map(({ client }) => ({ client, missing: 0, wrong: [] })));
      const again = ledgers.map((one) => `${one.client} ${one.duplicates}`).join(', ');
      process.stderr.write(`acceptance: acknowledged before the kill: ${before}; delivered again: ${again}\n`);
      // While the members live: one that came back after the kill may still be reading again what its forerunner had delivered.
      await endOffsetsAreCommitted(ledgers);
    } finally {
      await Promise.allSettled(flows.map((flow) => flow.close()));
    }
    expect(await broker.stop()).toBe(0);
    const at = kafkaClasspath();
    if ('missing' in at) return void skipped('acceptance: dump-log', at.missing);
    const files = dataFiles(broker.dataDir);
    const [logs, offsets, indexes, snapshots] = await Promise.all([
      dumpLog(files.logs, '--deep-iteration'),
      dumpLog(files.offsets, '--deep-iteration', '--offsets-decoder'),
      files.indexes.length === 0 ? undefined : dumpLog(files.indexes, '--verify-index-only'),
      files.snapshots.length === 0 ? undefined : dumpLog(files.snapshots),
    ]);
    for (const found of [logs, offsets, indexes, snapshots]) expect(found?.complaints ?? []).toEqual([]);
    expect(logs.records).toBeGreaterThanOrEqual(recordCount * ledgers.length);
    for (const codec of codecs) expect(logs.stdout).toContain(`compresscodec: ${codec} `);
  });

  /** What the groups commit, across the kill, comes to the end of every partition. */
  async function endOffsetsAreCommitted(ledgers: readonly Ledger[]): Promise<void> {
    for (const { client, topic, group } of ledgers) {
      const ends = (await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => `${partition}: ${high}`).sort();
      let committed: string[] = [];
      await eventually(
        'the ends are committed',
        async () => {
          const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
          committed = found!.partitions.map(({ partition, offset }) => `${partition}: ${offset}`).sort();
          return committed.join() === ends.join();
        },
        deliverMsMax,
      ).catch(() => {});
      expect(committed, client).toEqual(ends);
    }
  }

  function withKafkajs(ledger: Ledger): Flow {
    const { topic, group } = ledger;
    const producer = kafka.producer({
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      retry: { retries: 2, initialRetryTime: 50 },
    });
    const members = [0, 1].map(() =>
      kafka.consumer({ groupId: group, heartbeatInterval: 500, maxWaitTimeInMs: 100, rebalanceTimeout: 10_000 }),
    );
    return {
      join: async () => {
        await producer.connect();
        for (const member of members) {
          await member.connect();
          await member.subscribe({ topics: [topic], fromBeginning: true });
          await member.run({
            autoCommitInterval: 500,
            eachMessage: async ({ message }) => ledger.deliver(message.key?.toString(), message.value!.toString()),
          });
        }
      },
      produce: async () => {
        for (const { codec, batch } of batches(ledger.records)) {
          const messages = batch.map(({ key, value }) => ({ key, value }));
          await acknowledged('a kafkajs batch', async () => {
            await producer.send({ topic, messages, acks: -1, compression: compressionTypes[codec] });
          });
          await ledger.acknowledge(batch);
        }
      },
      close: async () => {
        await Promise.allSettled([producer.disconnect(), ...members.map((member) => member.disconnect())]);
      },
    };
  }

  function withPlatformatic(ledger: Ledger): Flow {
    const { topic, group } = ledger;
    const base = {
      clientId: 'acceptance',
      bootstrapBrokers: [broker.bootstrap],
      retryDelay: 100,
      autocreateTopics: false,
    };
    const producer = new Producer({ ...base, retries: 2, serializers: stringSerializers });
    const members = [0, 1].map(
      () =>
        new Consumer({
          ...base,
          retries: true,
          groupId: group,
          deserializers: stringDeserializers,
          autocommit: 500,
          maxWaitTime: 100,
          sessionTimeout: 10_000,
          rebalanceTimeout: 10_000,
          heartbeatInterval: 500,
        }),
    );
    let closing = false;
    // A stream ends with an error when its broker goes: an application opens the next one, from what the group committed.
    const read = async (member: (typeof members)[number]): Promise<void> => {
      const stream = await member.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest' });
      stream.on('data', ({ key, value }) => ledger.deliver(key, value));
      stream.once('error', () => {
        if (!closing) void acknowledged('a new stream', () => read(member)).catch(() => {});
      });
    };
    return {
      join: async () => void (await Promise.all(members.map(read))),
      produce: async () => {
        for (const { codec, batch } of batches(ledger.records)) {
          const messages = batch.map(({ key, value }) => ({ topic, key, value }));
          await acknowledged('a platformatic batch', async () => {
            const { unwritableNodes } = await producer.send({ messages, acks: ProduceAcks.ALL, compression: codec });
            if ((unwritableNodes?.length ?? 0) > 0) throw new Error('not written');
          });
          await ledger.acknowledge(batch);
        }
      },
      close: async () => {
        closing = true;
        await Promise.allSettled([producer.close(), ...members.map((member) => member.close(true))]);
      },
    };
  }

  function withKcat(ledger: Ledger): Flow {
    const { topic, group } = ledger;
    const address = ['-b', broker.bootstrap];
    // Its commit interval stays at 5 s: kcat gives a property that topics have, too, to the topic, where this one means nothing.
    const settings = ['-X', 'auto.offset.reset=earliest', '-X', 'fetch.wait.max.ms=100'];
    // Static members: a kcat that is started again takes the place of the dead one at once, not after its session.
    const instance = (index: number) => ['-X', `group.instance.id=${group}-${index}`];
    const runBatches = 8;
    let closing = false;
    const stops = new Map<number, () => void>();
    // kcat ends when all brokers are down: as a service manager would, start it again, and the group resumes where it was.
    const member = async (index: number): Promise<void> => {
      while (!closing) {
        await kcat([...address, '-G', group, ...settings, ...instance(index), '-u', '-f', '%k\t%s\n', topic], {
          msMax: 10 * deliverMsMax,
          onLine: (line) => {
            const tab = line.indexOf('\t');
            ledger.deliver(line.slice(0, tab), line.slice(tab + 1));
          },
          onStart: (child) => void stops.set(index, () => child.kill('SIGTERM')),
        });
        if (!closing) await sleep(100);
      }
    };
    let running: Promise<unknown> = Promise.resolve();
    return {
      join: async () => {
        running = Promise.all([0, 1].map(member));
      },
      produce: async () => {
        const cut = batches(ledger.records);
        for (const codec of codecs) {
          const ofCodec = cut.filter((one) => one.codec === codec).flatMap(({ batch }) => batch);
          const size = batchRecords * runBatches;
          for (let from = 0; from < ofCodec.length; from += size) {
            const run = ofCodec.slice(from, from + size);
            const input = run.map(({ key, value }) => `${key}\t${value}\n`).join('');
            // Exit code 0 is kcat's word for «all delivered»; anything else acknowledges nothing of the run.
            await acknowledged('a kcat run', async () => {
              const { code, stderr } = await kcat(['-P', ...address, '-t', topic, '-K', '\t', '-z', codec], { input });
              if (code !== 0) throw new Error(stderr);
            });
            await ledger.acknowledge(run);
          }
        }
      },
      close: async () => {
        closing = true;
        for (const stop of stops.values()) stop();
        await running;
      },
    };
  }
});
