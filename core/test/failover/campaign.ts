import { ClientError } from '../../client/client-error.ts';
import { KillableCluster } from './cluster.ts';
import { checkFolders } from './folders.ts';
import { judge } from './judge.ts';
import { electedMs, GapWatch, type Kill, type Told } from './kill.ts';
import { type Load, readAll } from './load.ts';
import type { Campaign } from './verdict.ts';

/**
 * One campaign: three brokers under a load, whoever leads is killed again and again, and what is left is judged.
 *
 * A killed broker stays dead until every partition that it led takes writes again, so that a gap is the cluster's own and not ended by the return of the dead.
 */
export interface CampaignOptions {
  readonly minutes: number;
  readonly partitions: number;
  readonly sessionMs: number;
  readonly openLoad: (bootstrap: string, topic: string, partitions: number) => Load;
  readonly onKill: (kill: Kill) => void;
  /** What comes after the kills takes its time. */
  readonly onStep: (step: string) => void;
}

const TOPIC = 'failover';
/** Between the moment when all replicas are in sync again and the next kill. */
const CALM_MS = 1_000;
const DOWN_MS_MIN = 1_000;
const IN_SYNC_MS_MAX = 60_000;
const LOG_LINES_MAX = 1_000;
const ACTIVE = /controller (\d+) is active in epoch (\d+)/;
/** What a node's log puts before each line. */
const TIME = /^\d{4}-\S+Z /;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The nodes' logs, with times, and which node is the active controller as they say. */
class NodeLogs {
  readonly lines: Told[] = [];
  activeController = -1;
  private epoch = -1;

  take(nodeId: number, line: string): void {
    const text = line.replace(TIME, '');
    this.lines.push({ atMs: performance.now(), nodeId, text });
    if (this.lines.length > LOG_LINES_MAX) this.lines.shift();
    const active = ACTIVE.exec(text);
    if (active === null || Number(active[2]) <= this.epoch) return;
    this.epoch = Number(active[2]);
    this.activeController = Number(active[1]);
  }

  since(ms: number): Told[] {
    return this.lines.filter(({ atMs }) => atMs >= ms).map((each) => ({ ...each, atMs: Math.round(each.atMs - ms) }));
  }
}

export async function runCampaign(options: CampaignOptions): Promise<Campaign> {
  const { minutes, partitions, sessionMs, openLoad, onKill, onStep } = options;
  const logs = new NodeLogs();
  const cluster = await KillableCluster.start(
    3,
    {
      'broker.session.timeout.ms': String(sessionMs),
      'broker.heartbeat.interval.ms': '500',
      // Kafka's dump-log takes time by the square of a segment's length to verify its time index.
      'log.segment.bytes': '8388608',
      'offsets.topic.num.partitions': '6',
    },
    (nodeId, line) => logs.take(nodeId, line),
  );
  try {
    await createTopic(cluster, partitions);
    await until(() => isAllInSync(cluster), 'all in sync');
    const load = openLoad(cluster.bootstrap, TOPIC, partitions);
    const kills: Kill[] = [];
    const isRunning = (): boolean => load.acknowledged.size === partitions;
    await until(isRunning, 'an acknowledgement in each partition');
    const endMs = performance.now() + minutes * 60_000;
    while (performance.now() < endMs) {
      await sleep(CALM_MS);
      const kill = await killOnce(cluster, load, logs, kills.length % partitions);
      kills.push(kill);
      onKill(kill);
    }
    onStep('the load ends');
    await load.stop();
    onStep('what is stored is read');
    const stored = await readAll(cluster.bootstrap, TOPIC, partitions);
    const judged = judge(load.acknowledged, stored, await load.consumed(stored));
    onStep('the brokers stop');
    await cluster.stopAll();
    onStep('the data folders are looked at');
    const dirs = cluster.ids.map((id) => cluster.logDir(id));
    const folders = await checkFolders(dirs, TOPIC, partitions);
    return { load: load.name, partitions, sessionMs, ...judged, failed: load.failed, kills, folders };
  } catch (error) {
    for (const { atMs, nodeId, text } of logs.lines.slice(-40)) {
      process.stderr.write(`${Math.round(atMs)} ${nodeId}: ${text}\n`);
    }
    throw error;
  } finally {
    await cluster.stopAll().catch(() => {});
    cluster.remove();
  }
}

async function createTopic({ admin }: KillableCluster, partitions: number): Promise<void> {
  const topic = { name: TOPIC, partitions, replicationFactor: 3, configs: { 'min.insync.replicas': '2' } };
  try {
    await admin.createTopics([topic]);
  } catch (error) {
    // The answer to the first attempt was too late.
    if (!(error instanceof ClientError) || error.kind !== 'TOPIC_ALREADY_EXISTS') throw error;
  }
}

/** The leader of the partition dies and comes back. */
async function killOnce(cluster: KillableCluster, load: Load, logs: NodeLogs, partition: number): Promise<Kill> {
  const leaders = await leadersOf(cluster);
  const victim = leaders[partition]!;
  const led = leaders.flatMap((leader, at) => (leader === victim ? [at] : []));
  const wasController = logs.activeController === victim;
  const killedMs = performance.now();
  const watch = new GapWatch(led, killedMs, () => electedMs(logs.since(killedMs), victim) !== null);
  load.onAck = (at) => watch.acked(at, performance.now());
  await cluster.kill(victim);
  await sleep(DOWN_MS_MIN);
  await until(
    () => watch.isOver,
    () => `acknowledgements of ${watch.waitingCount} partitions without their leader`,
    IN_SYNC_MS_MAX,
    20,
  );
  load.onAck = null;
  const told = logs.since(killedMs);
  await cluster.restart(victim);
  await until(() => isAllInSync(cluster), 'all in sync');
  const { gapsMs } = watch;
  return { victim, wasController, partitionsLed: led.length, electedMs: electedMs(told, victim), gapsMs, told };
}

async function leadersOf(cluster: KillableCluster): Promise<number[]> {
  const [topic] = await cluster.admin.describeTopics([TOPIC]);
  return topic!.partitions.map(({ leader }) => leader);
}

async function isAllInSync(cluster: KillableCluster): Promise<boolean> {
  // All topics: a broker that has not heard of this one yet is no error.
  const topic = (await cluster.admin.describeTopics(null)).find(({ name }) => name === TOPIC);
  return topic?.partitions.every(({ isr }) => isr.length === cluster.ids.length) ?? false;
}

async function until(
  isSo: () => boolean | Promise<boolean>,
  what: string | (() => string),
  msMax = IN_SYNC_MS_MAX,
  intervalMs = 100,
): Promise<void> {
  const deadline = performance.now() + msMax;
  while (!(await isSo())) {
    if (performance.now() > deadline) {
      throw new Error(`${typeof what === 'string' ? what : what()}: not within ${msMax} ms`);
    }
    await sleep(intervalMs);
  }
}
