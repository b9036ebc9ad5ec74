/**
 * `npm run fuzz -- [--seed N] [--minutes M | --runs N] [--api NAME]`: damaged and hostile requests to a real broker, for as long as one likes.
 *
 * A run is one request, made from the seed and its number: plausible by its schema, often damaged then. It is decoded in this process and sent to a broker
 * process; the answer must decode. A witness on a connection of its own produces and reads all the time. A finding is: a broker that ends, an answer that
 * cannot be decoded, a connection that an error of ours closed, a witness that waits or misses a record, memory that grows, data that does not scan.
 * Exit code 1 with findings; the last line is the command that does it again.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { SimRandom } from '../../ports/sim/random.ts';
import { Metadata } from '../../protocol/messages/03-metadata.ts';
import { ApiVersions } from '../../protocol/messages/18-api-versions.ts';
import { CreateTopics } from '../../protocol/messages/19-create-topics.ts';
import { apiOf } from '../../protocol/messages/all.ts';
import { recordsOf } from '../../protocol/record.ts';
import { batchesIn } from '../../protocol/record-batch.ts';
import type { Api } from '../../protocol/schema.ts';
import { WireError } from '../../protocol/wire-error.ts';
import { decodeResponse } from '../../rpc/request-codec.ts';
import { batchOf, createTopic, Ended, fetch, framed, produce, requestBytes, Wire } from '../behaviours/wire.ts';
import { type ForeignBroker, startBroker } from '../foreign/harness.ts';
import { rescanDataFolder } from './data-folder.ts';
import { mutate } from './mutate.ts';
import { FUZZ_TOPICS, Plausible } from './plausible.ts';

/** What these may rightly do when a number in them is another one: sent as they were made, damaged only for the decoder here. */
const NOT_DAMAGED: ReadonlySet<number> = new Set([19, 20, 33, 37, 44, 49, 57, 64]);
const ANSWER_MS_MAX = 150;
const PARKED_MAX = 20;
const WITNESS_MS_MAX = 8000;
const GROWTH_BYTES_MAX = 256 * 1024 * 1024;
const RUNS_PER_LOOK = 500;
/** Ends of connections that are as they should be. */
const RIGHT_ENDS =
  /closed: (WireError|FrameSizeError|unknown API key|\w+ has no version|idle for|produce with acks=0|access rules with unknown codes)/;

const { values: options } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string' },
    runs: { type: 'string' },
    api: { type: 'string' },
  },
});
const seed = Number(options.seed ?? Date.now() % 1_000_000);
const runsMax = options.runs === undefined ? Number.POSITIVE_INFINITY : Number(options.runs);
const endMs = Date.now() + (options.runs === undefined ? Number(options.minutes ?? 1) * 60_000 : 24 * 3_600_000);

const findings = new Map<string, number>();
function found(what: string): void {
  if (!findings.has(what)) process.stdout.write(`FINDING ${what}\n`);
  findings.set(what, (findings.get(what) ?? 0) + 1);
}

function residentBytes(broker: ForeignBroker): number {
  if (process.platform !== 'linux') return 0;
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${broker.pid}/status`, 'utf8'));
  return Number(match?.[1] ?? 0) * 1024;
}

class Witness {
  count = 0;
  slowestMs = 0;
  private isOver = false;
  private readonly topic: string;
  private readonly broker: ForeignBroker;
  private readonly done: Promise<void>;

  constructor(broker: ForeignBroker, topic: string) {
    this.broker = broker;
    this.topic = topic;
    this.done = this.go().catch((error: unknown) => found(`the witness: ${error}`));
  }

  private async go(): Promise<void> {
    const wire = await Wire.open(this.broker);
    while (!this.isOver) {
      const began = Date.now();
      const { errorCode, baseOffset } = await produce(wire, this.topic, batchOf([`witness ${this.count}`]));
      const { highWatermark } = await fetch(wire, this.topic, this.count);
      this.slowestMs = Math.max(this.slowestMs, Date.now() - began);
      if (errorCode !== 0 || baseOffset !== this.count) found(`the witness: error ${errorCode}, offset ${baseOffset}`);
      if (highWatermark !== this.count + 1) found(`the witness: high watermark ${highWatermark} after ${this.count}`);
      this.count++;
      await sleep(10);
    }
    wire.close();
  }

  async end(): Promise<void> {
    this.isOver = true;
    await this.done;
    if (this.slowestMs > WITNESS_MS_MAX) found(`the witness waited for ${this.slowestMs} ms`);
  }

  async verify(): Promise<void> {
    const wire = await Wire.open(this.broker);
    let seen = 0;
    for (let tries = 0; seen < this.count && tries < 1000; tries++) {
      const { records } = await fetch(wire, this.topic, seen, { maxWaitMs: 100 });
      for (const batch of batchesIn(records ?? Buffer.alloc(0))) {
        for (const { value } of recordsOf(batch)) if (value!.toString() === `witness ${seen}`) seen++;
      }
    }
    if (seen !== this.count) found(`${seen} of the witness's ${this.count} records are there`);
    wire.close();
  }
}

type Outcome = 'answered' | 'closed' | 'parked' | 'silent';

class Attack {
  readonly outcomes: Record<Outcome, number> = { answered: 0, closed: 0, parked: 0, silent: 0 };
  /** Connections that were closed over a request that was not damaged, by API: produce with acks=0 may, and unknown codes. */
  readonly closedWhole = new Map<string, number>();
  private readonly broker: ForeignBroker;
  private readonly apis: readonly Api[];
  private readonly plausible: Plausible;
  private wire: Wire | null = null;
  private readonly parked: Wire[] = [];

  constructor(broker: ForeignBroker, apis: readonly Api[], untouchable: Iterable<unknown>) {
    this.broker = broker;
    this.apis = apis;
    this.plausible = new Plausible(untouchable);
  }

  async run(index: number): Promise<void> {
    const random = new SimRandom(seed, `run ${index}`);
    const api = this.apis[random.integer(this.apis.length)]!;
    const { versionMin, versionMax } = api.request;
    const version = versionMin + random.integer(versionMax - versionMin + 1);
    const value = this.plausible.make(api.request, version, random);
    const frame = Buffer.concat(requestBytes(api, version, value, index));
    const headerBytes = frame.length - api.request.encode(version, value).length;
    const damaged = mutate(random, frame.subarray(headerBytes));
    this.decode(api, version, damaged, index);
    const isDamaged = !NOT_DAMAGED.has(api.key) && random.chance(0.4);
    const sent = isDamaged ? framed(frame.subarray(4, headerBytes), damaged) : frame;
    const outcome = await this.send(api, version, sent, index);
    this.outcomes[outcome]++;
    if (outcome === 'closed' && !isDamaged) this.closedWhole.set(api.name, (this.closedWhole.get(api.name) ?? 0) + 1);
  }

  private decode(api: Api, version: number, body: Buffer, index: number): void {
    try {
      api.request.decode(version, body);
    } catch (error) {
      if (!(error instanceof WireError)) found(`run ${index}: ${api.name} v${version} decodes with ${error}`);
    }
  }

  private async send(api: Api, version: number, frame: Buffer, index: number): Promise<Outcome> {
    this.wire ??= await Wire.open(this.broker);
    const { wire } = this;
    wire.write(frame);
    const isSilent = api.name === 'Produce';
    const late = sleep(isSilent ? 20 : ANSWER_MS_MAX, 'late' as const);
    try {
      const answer = await Promise.race([wire.frame(), late]);
      if (answer === 'late') {
        // It waits for something, or wants no answer. It may wait on; the oldest goes.
        this.wire = null;
        this.parked.push(wire);
        if (this.parked.length > PARKED_MAX) this.parked.shift()!.close();
        return isSilent ? 'silent' : 'parked';
      }
      if (answer.readInt32BE(0) !== (index | 0)) found(`${api.name} v${version}: answer to ${answer.readInt32BE(0)}`);
      this.plausible.learn(decodeResponse(api, version, answer));
      return 'answered';
    } catch (error) {
      wire.close();
      this.wire = null;
      if (error instanceof Ended) return 'closed';
      found(`run ${index}: ${api.name} v${version}: the answer: ${error}`);
      return 'closed';
    }
  }

  end(): void {
    for (const wire of this.parked) wire.close();
    this.wire?.close();
  }
}

async function makeTopics(broker: ForeignBroker): Promise<void> {
  const wire = await Wire.open(broker);
  const topics = FUZZ_TOPICS.map((name) => ({
    name,
    numPartitions: 2,
    replicationFactor: 1,
    assignments: [],
    configs: [],
  }));
  await wire.ask(CreateTopics, 7, { topics });
  wire.close();
}

async function main(): Promise<void> {
  const broker = await startBroker({
    set: { 'offsets.topic.num.partitions': 5, 'transaction.state.log.num.partitions': 5 },
  });
  const admin = await Wire.open(broker);
  const witnessTopic = 'quite-another-name';
  const witnessId = await createTopic(admin, witnessTopic);
  const offered = await admin.ask(ApiVersions, 3, { clientSoftwareName: 'fuzz', clientSoftwareVersion: '1' });
  const served = offered.apiKeys.flatMap(({ apiKey }) => apiOf(apiKey) ?? []);
  const apis = served.filter(({ name }) => options.api === undefined || name === options.api);
  if (apis.length === 0)
    throw new Error(`no API ${options.api}; there are ${served.map(({ name }) => name).join(', ')}`);
  process.stdout.write(`seed ${seed}; ${apis.length} APIs\n`);
  const witness = new Witness(broker, witnessTopic);
  const attack = new Attack(broker, apis, [witnessId]);
  const began = Date.now();
  let runs = 0;
  let settledBytes = 0;
  let toldMs = began;
  try {
    for (; runs < runsMax && Date.now() < endMs; runs++) {
      if (runs % RUNS_PER_LOOK === 0) {
        await makeTopics(broker);
        lookAtLog(broker);
        if (runs <= 4 * RUNS_PER_LOOK) settledBytes = residentBytes(broker);
      }
      await attack.run(runs);
      if (Date.now() - toldMs > 10_000) {
        toldMs = Date.now();
        process.stdout.write(`${runs} runs, ${Math.round(residentBytes(broker) / 2 ** 20)} MiB\n`);
      }
    }
  } catch (error) {
    found(`run ${runs}: the broker: ${error}; it wrote: ${broker.stderr().slice(-1500)}`);
  }
  attack.end();
  await witness.end();
  admin.close();
  await afterwards(broker, witness, settledBytes);
  const seconds = Math.round((Date.now() - began) / 1000);
  process.stdout.write(
    `${runs} requests in ${seconds} s: ${JSON.stringify(attack.outcomes)}; witness ${witness.count} records, at most ${witness.slowestMs} ms\n`,
  );
  process.stdout.write(`closed over whole requests: ${JSON.stringify(Object.fromEntries(attack.closedWhole))}\n`);
  process.stdout.write(`${findings.size} findings\n`);
  const only = options.api === undefined ? '' : ` --api ${options.api}`;
  process.stdout.write(`again: npm run fuzz -- --seed ${seed} --runs ${runs}${only}\n`);
  await broker.dispose();
  process.exitCode = findings.size > 0 ? 1 : 0;
}

/** Connections that the broker closed for an error of its own, and whatever else it calls a problem. */
function lookAtLog(broker: ForeignBroker): void {
  for (const line of broker.stderr().split('\n').slice(1)) {
    if (line === '' || RIGHT_ENDS.test(line)) continue;
    found(`the broker says: ${line.replace(/^\S+ /, '').replace(/^[\d.]+:\d+: /, '')}`);
  }
}

async function afterwards(broker: ForeignBroker, witness: Witness, settledBytes: number): Promise<void> {
  try {
    lookAtLog(broker);
    const wire = await Wire.open(broker);
    await wire.ask(Metadata, 12, { topics: null });
    wire.close();
    const grownBytes = residentBytes(broker) - settledBytes;
    process.stdout.write(`memory grew by ${Math.round(grownBytes / 2 ** 20)} MiB\n`);
    if (grownBytes > GROWTH_BYTES_MAX) found(`the broker's memory grew by ${grownBytes} bytes`);
    await broker.kill();
    const { records, problems } = rescanDataFolder(broker.dataDir);
    process.stdout.write(`${records} records on disk\n`);
    for (const problem of problems) found(`on disk: ${problem}`);
    const before = broker.stderr().length;
    await broker.restart();
    for (const line of broker.stderr().slice(before).split('\n')) {
      if (/was cut|rebuilt|begins anew/.test(line)) found(`at the next start: ${line}`);
    }
    await witness.verify();
  } catch (error) {
    found(`afterwards: ${error}; it wrote: ${broker.stderr().slice(-1500)}`);
  }
}

await main();
process.exit();
