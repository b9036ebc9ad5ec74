/**
 * The leader dies by kill −9, again and again, under load: `npm run failover -- --minutes 2 --times 5 --load own`.
 *
 * Judged after each time: every acknowledged record is there, none twice, each partition in the order of sending; how long a partition was without a
 * leader that takes writes, per kill; and with Java at hand kafka-dump-log over the three data folders, and whether the replicas are the same.
 * Exit 0 when all of it holds. A measurement as well as a test, and so no part of `npm test`.
 */
import { parseArgs } from 'node:util';
import { KillableCluster } from './cluster.ts';
import { checkFolders } from './folders.ts';
import { JavaLoad, LibrdkafkaLoad, type Load, OwnLoad, readAll } from './load.ts';

const TOPIC = 'failover';
const PARTITIONS = 6;
const SESSION_MS = 3_000;
/** Between the moment when all replicas are in sync again and the next kill. */
const CALM_MS = 1_000;
const DOWN_MS = 1_000;
const IN_SYNC_MS_MAX = 60_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' },
    times: { type: 'string', default: '1' },
    load: { type: 'string', default: 'own' },
    session: { type: 'string', default: String(SESSION_MS) },
    json: { type: 'boolean', default: false },
  },
});
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function openLoad(bootstrap: string): Load {
  switch (values.load) {
    case 'own':
      return new OwnLoad(bootstrap, TOPIC, PARTITIONS);
    case 'java':
      return new JavaLoad(bootstrap, TOPIC);
    case 'librdkafka':
      return new LibrdkafkaLoad(bootstrap, TOPIC);
    default:
      throw new Error(`--load ${values.load}: own, java or librdkafka`);
  }
}

interface Verdict {
  readonly load: string;
  readonly kills: number;
  readonly acknowledged: number;
  readonly failed: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly outOfOrder: number;
  /** From the kill of a partition's leader to the next acknowledgement of that partition, in ms. */
  readonly unavailabilityMs: readonly number[];
  readonly sessionMs: number;
  readonly folders: readonly string[];
}

async function once(minutes: number): Promise<Verdict> {
  const log: string[] = [];
  const cluster = await KillableCluster.start(
    3,
    {
      'broker.session.timeout.ms': values.session,
      'broker.heartbeat.interval.ms': '500',
      'log.segment.bytes': '67108864',
    },
    (line) => log.push(line),
  );
  try {
    await cluster.admin.createTopics([
      { name: TOPIC, partitions: PARTITIONS, replicationFactor: 3, configs: { 'min.insync.replicas': '2' } },
    ]);
    const load = openLoad(cluster.bootstrap);
    const unavailabilityMs: number[] = [];
    let kills = 0;
    await until(() => load.acknowledged.size > 0, IN_SYNC_MS_MAX, 'the first acknowledgement');
    const endMs = performance.now() + minutes * 60_000;
    while (performance.now() < endMs) {
      await sleep(CALM_MS);
      const leaders = await leadersOf(cluster);
      const victim = leaders[kills % PARTITIONS]!;
      const led = leaders.flatMap((leader, partition) => (leader === victim ? [partition] : []));
      const waiting = new Set(led);
      const killedMs = performance.now();
      load.onAck = (partition) => {
        // What was on its way when the leader died does not count: its last answers come within a moment.
        if (performance.now() - killedMs < 50 || !waiting.delete(partition)) return;
        unavailabilityMs.push(Math.round(performance.now() - killedMs));
      };
      await cluster.kill(victim);
      kills++;
      await sleep(DOWN_MS);
      await cluster.restart(victim);
      await until(
        async () => (await inSyncCounts(cluster)).every((count) => count === 3),
        IN_SYNC_MS_MAX,
        'all in sync',
      );
      load.onAck = null;
    }
    await load.stop();
    const verdict = { ...judge(load, await readAll(cluster.bootstrap, TOPIC, PARTITIONS)), kills, unavailabilityMs };
    await cluster.stopAll();
    const folders = await checkFolders(
      cluster.ids.map((id) => cluster.logDir(id)),
      TOPIC,
      PARTITIONS,
    );
    return { ...verdict, load: load.name, sessionMs: Number(values.session), folders };
  } catch (error) {
    process.stderr.write(`${log.slice(-40).join('\n')}\n`);
    throw error;
  } finally {
    await cluster.stopAll().catch(() => {});
    cluster.remove();
  }
}

async function leadersOf(cluster: KillableCluster): Promise<number[]> {
  const [topic] = await cluster.admin.describeTopics([TOPIC]);
  return topic!.partitions.map(({ leader }) => leader);
}

async function inSyncCounts(cluster: KillableCluster): Promise<number[]> {
  const [topic] = await cluster.admin.describeTopics([TOPIC]);
  return topic!.partitions.map(({ isr }) => isr.length);
}

async function until(isSo: () => boolean | Promise<boolean>, msMax: number, what: string): Promise<void> {
  const deadline = performance.now() + msMax;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${msMax} ms`);
    await sleep(100);
  }
}

function judge(load: Load, found: ReadonlyMap<number, readonly number[]>) {
  let acknowledged = 0;
  let lost = 0;
  let duplicates = 0;
  let outOfOrder = 0;
  for (const [partition, stored] of found) {
    const there = new Set(stored);
    duplicates += stored.length - there.size;
    for (let at = 1; at < stored.length; at++) if (stored[at]! < stored[at - 1]!) outOfOrder++;
    const acked = load.acknowledged.get(partition) ?? [];
    acknowledged += acked.length;
    for (const value of acked) if (!there.has(value)) lost++;
  }
  return { acknowledged, failed: load.failed, lost, duplicates, outOfOrder };
}

let isClean = true;
for (let time = 1; time <= Number(values.times); time++) {
  const verdict = await once(Number(values.minutes));
  const { lost, duplicates, outOfOrder, folders, unavailabilityMs, sessionMs } = verdict;
  isClean &&= lost === 0 && duplicates === 0 && outOfOrder === 0 && folders.length === 0;
  if (values.json) process.stdout.write(`${JSON.stringify(verdict)}\n`);
  else {
    const sorted = unavailabilityMs.toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
    process.stdout.write(
      [
        `${time}: ${verdict.load}: ${verdict.kills} kills, ${verdict.acknowledged} acknowledged, ${verdict.failed} failed`,
        `   lost ${lost}, duplicates ${duplicates}, out of order ${outOfOrder}`,
        `   without a leader that takes writes: median ${at(0.5)} ms, worst ${sorted.at(-1) ?? 0} ms, session ${sessionMs} ms`,
        `   folders: ${folders.length === 0 ? 'clean, replicas the same' : folders.join('; ')}`,
        '',
      ].join('\n'),
    );
  }
}
process.exit(isClean ? 0 : 1);
