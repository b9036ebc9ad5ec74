/**
 * The picture of a partition while a follower lags, falls out, comes back, and the leader dies: log ends, high watermark and in-sync replicas over time (C41, C42, C43).
 *
 * Invariant: what nodes hold is read from outside every few milliseconds of virtual time; the in-sync replicas are what the cluster tells. A reader polls all along, and what it got is
 * compared with the watermark of that moment.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { AxisMark, GanttBar, GanttChart, LineChart } from '@mqlab/reports/chart-spec.ts';
import type { Figure } from '@mqlab/reports/run-data.ts';
import type { Target } from '../../kit/targets/target.ts';
import { connect, stateOf, topicOn, until, viewOf } from './cluster.ts';

const TOPIC = 'watermark';
const NODES = [1, 2, 3] as const;
const SAMPLE_MS = 20;
const WRITE_MS = 40;
const POLL_MS = 20;

interface Sample {
  readonly ms: number;
  /** Log ends by node; null while it is down. */
  readonly ends: readonly (number | null)[];
  readonly leader: number | null;
  readonly highWatermark: number | null;
  readonly inSync: readonly number[];
  /** They did not change while the nodes were looked at. */
  readonly isSettled: boolean;
}

export interface WatermarkPicture {
  readonly charts: Readonly<Record<string, LineChart | GanttChart>>;
  readonly figures: Readonly<Record<string, Figure>>;
  readonly lagHolds: boolean;
  readonly watermarkHolds: boolean;
  readonly returnHolds: boolean;
}

/** Needs three brokers in the simulator with this replica.lag.time.max.ms, and a controller of its own: whoever is cut off from the others still has its session. */
export async function watermarkPicture(target: Target, lagMs: number): Promise<WatermarkPicture> {
  const { clock } = target;
  const shape = connect(target, 'writer');
  await topicOn(shape, target, TOPIC, [[1, 2, 3]]);
  const producer = await shape.app.client('mqlab').producer({ acks: 1, lingerMs: 0, requestTimeoutMs: 500 });
  const began = clock.monotonic();
  const now = (): number => Math.round(clock.monotonic() - began);
  const samples: Sample[] = [];
  const marks: AxisMark[] = [];
  const mark = (label: string, tone: AxisMark['tone'] = 'neutral'): void => {
    marks.push({ at: now(), label, tone });
  };
  let isOver = false;
  let polled = 0;
  let beyond = 0;
  let isWriting = true;
  const writing = (async () => {
    for (let i = 0; !isOver; i++) {
      if (isWriting) void producer.send({ topic: TOPIC, partition: 0, key: null, value: `v${i}` });
      await sleep(clock, WRITE_MS);
    }
  })();
  const sampling = (async () => {
    while (!isOver) {
      samples.push(await sample(target, now()));
      await sleep(clock, SAMPLE_MS);
    }
  })();
  const reading = (async () => {
    const consumer = await target
      .app('reader')
      .client('mqlab')
      .consumer({
        partitions: [{ topic: TOPIC, partition: 0 }],
        offsetReset: 'earliest',
        autoCommit: false,
        requestTimeoutMs: 500,
      });
    while (!isOver) {
      for (const { offset } of await consumer.poll(POLL_MS)) {
        polled++;
        const highest = Math.max(...NODES.map((id) => viewOf(target, id, TOPIC)?.highWatermark ?? 0));
        if (offset >= highest) beyond++;
      }
    }
  })();

  await sleep(clock, 300);
  mark('replica 3 lags', 'warn');
  for (const id of [1, 2]) target.slowLink(id, 3, { latencyMs: 60 });
  await sleep(clock, 500);
  mark('replica 3 is cut off', 'bad');
  const cutAt = now();
  for (const id of [1, 2]) target.cutNodes(id, 3);
  await until(target, async () => !(await stateOf(target, TOPIC)).inSyncReplicas.includes(3), 60_000, SAMPLE_MS);
  const leftAfter = now() - cutAt;
  mark('it leaves the ISR', 'warn');
  await sleep(clock, 500);
  mark('it is back', 'good');
  const healedAt = now();
  for (const id of [1, 2]) target.healNodes(id, 3);
  await until(target, async () => (await stateOf(target, TOPIC)).inSyncReplicas.includes(3), 60_000, SAMPLE_MS);
  const backAfter = now() - healedAt;
  mark('in sync again', 'good');
  await sleep(clock, 300);

  // The leader goes on alone with what acks=1 lets it take, and dies with it.
  const { leader } = await stateOf(target, TOPIC);
  const others = NODES.filter((id) => id !== leader);
  const controllers = target.nodes.filter(({ isController }) => isController).map(({ id }) => id);
  for (const id of [...others, ...controllers]) target.cutNodes(leader!, id);
  mark('the leader is cut off', 'bad');
  await until(target, async () => ![null, leader].includes((await stateOf(target, TOPIC)).leader), 60_000, SAMPLE_MS);
  mark('another is elected', 'warn');
  await sleep(clock, 200);
  isWriting = false;
  await sleep(clock, 600);
  const endBefore = viewOf(target, leader!, TOPIC)?.logEndOffset ?? 0;
  const committed = viewOf(target, leader!, TOPIC)?.highWatermark ?? 0;
  isWriting = true;
  mark('the old leader is back', 'good');
  for (const id of [...others, ...controllers]) target.healNodes(leader!, id);
  let lowest = endBefore;
  await until(
    target,
    async () => {
      lowest = Math.min(lowest, viewOf(target, leader!, TOPIC)?.logEndOffset ?? lowest);
      return (await stateOf(target, TOPIC)).inSyncReplicas.length === 3;
    },
    60_000,
    1,
  );
  mark('in sync again', 'good');
  await sleep(clock, 300);
  isOver = true;
  await Promise.all([writing, sampling, reading]);
  await producer.close();
  await shape.admin.close();

  const cutOff = endBefore - lowest;
  // The leader hears of a change of the in-sync replicas a moment before the brokers' metadata tells it: samples beside a change are not judged.
  const judged = samples.filter((each, at) => {
    const around = [samples[at - 1] ?? each, samples[at + 1] ?? each];
    return each.isSettled && around.every((one) => one.leader === each.leader && `${one.inSync}` === `${each.inSync}`);
  });
  const outside = judged.filter(isBelowAbsent).length;
  const above = judged.filter(isAboveInSync).length;
  const source = `a run in the simulator, virtual time, replica.lag.time.max.ms=${lagMs}, a record every ${WRITE_MS} ms with acks=1`;
  const of = (value: number, unit: string): Figure => ({ value, unit, label: 'measured', source });
  return {
    figures: {
      'lag.left': of(leftAfter, 'ms'),
      'lag.limit': { value: lagMs, unit: 'ms', label: 'given', source: 'the setting in this run' },
      'lag.back': of(backAfter, 'ms'),
      'watermark.samples': of(judged.length, 'count'),
      'watermark.above.absent': of(outside, 'count'),
      'watermark.above.in-sync': of(above, 'count'),
      'watermark.polled': of(polled, 'count'),
      'watermark.polled.beyond': of(beyond, 'count'),
      'truncated.records': of(cutOff, 'count'),
      'truncated.to': of(lowest, 'count'),
      'truncated.watermark': of(committed, 'count'),
    },
    charts: { watermark: lineChart(samples, marks, source), 'in-sync': ganttChart(samples, marks, source) },
    lagHolds: leftAfter >= lagMs - WRITE_MS && leftAfter <= 1.6 * lagMs && backAfter < lagMs,
    watermarkHolds: above === 0 && outside > 0 && beyond === 0 && polled > 0,
    returnHolds: cutOff > 0 && lowest >= committed,
  };
}

async function sample(target: Target, ms: number): Promise<Sample> {
  const state = await target.partitionOf(TOPIC, 0);
  const views = NODES.map((id) => viewOf(target, id, TOPIC));
  const after = await target.partitionOf(TOPIC, 0);
  // Who leads in the highest epoch: a deposed leader does not know better.
  const leading = views.filter((view) => view?.isLeader).toSorted((a, b) => b!.leaderEpoch - a!.leaderEpoch)[0] ?? null;
  return {
    ms,
    ends: views.map((view) => view?.logEndOffset ?? null),
    leader: state?.leader ?? null,
    highWatermark: leading?.highWatermark ?? null,
    inSync: state?.inSyncReplicas ?? [],
    isSettled: state !== null && JSON.stringify(state) === JSON.stringify(after),
  };
}

/** The watermark is beyond the log of a replica that is not in sync: it is no minimum over all replicas. */
function isBelowAbsent({ ends, highWatermark, inSync }: Sample): boolean {
  return NODES.some(
    (id, at) => !inSync.includes(id) && ends[at] !== null && highWatermark !== null && ends[at]! < highWatermark,
  );
}

/** The watermark is beyond the log of one in sync. */
function isAboveInSync({ ends, highWatermark, inSync }: Sample): boolean {
  return NODES.some(
    (id, at) => inSync.includes(id) && ends[at] !== null && highWatermark !== null && ends[at]! < highWatermark,
  );
}

function lineChart(samples: readonly Sample[], marks: readonly AxisMark[], source: string): LineChart {
  const series = NODES.map((id, at) => ({
    name: `log end of replica ${id}`,
    points: samples.filter(({ ends }) => ends[at] !== null).map(({ ms, ends }) => [ms, ends[at]!] as const),
    step: true,
  }));
  const watermark = samples
    .filter((each) => each.highWatermark !== null)
    .map((each) => [each.ms, each.highWatermark!] as const);
  return {
    type: 'line',
    title: 'Log ends and high watermark',
    caption:
      'The watermark follows the slowest replica that is in sync. It stands still until the one that is cut off has left, and then passes it. The old leader’s own records, taken with acks=1, are cut off when it comes back.',
    source,
    x: { name: 'time', unit: 'ms' },
    y: { name: 'offset', unit: '' },
    series: [...series, { name: 'high watermark', points: watermark, step: true, line: 'dashed' }],
    marks,
  };
}

function ganttChart(samples: readonly Sample[], marks: readonly AxisMark[], source: string): GanttChart {
  const bars: GanttBar[] = [];
  for (const [row, id] of NODES.entries()) {
    const groupOf = ({ leader, inSync }: Sample): string | null =>
      leader === id ? 'leads' : inSync.includes(id) ? 'in sync' : null;
    let open: { from: number; group: string } | null = null;
    for (const each of samples) {
      const group = groupOf(each);
      if (open !== null && open.group !== group) {
        bars.push({ row, from: open.from, until: each.ms, group: open.group });
        open = null;
      }
      if (open === null && group !== null) open = { from: each.ms, group };
    }
    if (open !== null) bars.push({ row, from: open.from, until: samples.at(-1)!.ms, group: open.group });
  }
  return {
    type: 'gantt',
    title: 'Who leads, who is in sync',
    caption:
      'As the cluster tells it. Where there is no bar, the replica is out of sync: it may lack what is committed, and is not elected.',
    source,
    x: { name: 'time', unit: 'ms' },
    y: { name: 'replica', unit: '' },
    rows: NODES.map((id) => `replica ${id}`),
    bars,
    marks,
  };
}
