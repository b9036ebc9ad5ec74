/**
 * One plan, two topics: what leader, followers and in-sync replicas do while the followers are cut off and the leader then loses power. With
 * min.insync.replicas=1 the leader acknowledges alone, and loses what it acknowledged; with 2 it refuses.
 *
 * Invariant: both topics live through the same run. What a power cut takes is decided by a seed, and for each file by itself: the first seed is taken with which the first topic loses
 * and the second does not. That the second may lose too is a scenario of its own (`last-standing`).
 */
import type { AxisMark, LineChart } from '@mqlab/reports/chart-spec.ts';
import type { Figure } from '@mqlab/reports/run-data.ts';
import { applyChecks } from '../../kit/checkers/check.ts';
import { lostWrite } from '../../kit/checkers/lost-write.ts';
import { type Operation, Recorder } from '../../kit/history.ts';
import type { InputRecord } from '../../kit/input.ts';
import { seedOf } from '../../kit/search.ts';
import { openTarget } from '../../kit/targets/open-target.ts';
import { SAFE, type Setup } from '../app/writer.ts';
import { BROKER_SETTINGS, BROKERS, CONTROLLERS } from '../cluster.ts';
import type { AcksPlan } from '../plan.ts';
import type { ReplicaWatch } from '../replica-watch.ts';
import { runAcks } from '../run.ts';

const SEEDS_MAX = 12;
const MIN_1: Setup = { ...SAFE, topic: 'min-1', minInSync: 1 };
const MIN_2: Setup = { ...SAFE, topic: 'min-2' };
const CUT_STEP = 3;
const POWER_STEP = 9;
const PLAN: AcksPlan = {
  sends: Array.from({ length: 12 }, () => ({ pauseMs: 250 })),
  faults: [
    { kind: 'cut-nodes', node: 1, peer: 2, at: { step: CUT_STEP }, durationMs: 60_000 },
    { kind: 'cut-nodes', node: 1, peer: 3, at: { step: CUT_STEP }, durationMs: 60_000 },
    { kind: 'power-cut', node: 1, at: { step: POWER_STEP }, durationMs: 400 },
  ],
};

export interface Replicas {
  readonly charts: Record<string, LineChart>;
  readonly figures: Record<string, Figure>;
}

interface Played {
  readonly beganMs: number;
  readonly operations: readonly Operation[];
  readonly watches: ReadonlyMap<string, ReplicaWatch>;
  readonly lost: readonly string[];
}

export async function drawReplicas(input: readonly InputRecord[], seed: number): Promise<Replicas> {
  for (let at = 0; at < SEEDS_MAX; at++) {
    const played = await play(input, seedOf(seed, at));
    const isTold = lostOf(played, MIN_1) > 0 && lostOf(played, MIN_2) === 0;
    if (isTold) return replicasOf(played, at + 1);
  }
  throw new Error(`in ${SEEDS_MAX} runs no power cut took records of the one topic alone`);
}

async function play(input: readonly InputRecord[], seed: number): Promise<Played> {
  const target = await openTarget('sim', { seed, brokers: BROKERS, controllers: CONTROLLERS, broker: BROKER_SETTINGS });
  try {
    const began = target.clock.monotonic();
    const recorder = new Recorder(() => target.clock.monotonic() - began);
    const context = { target, client: 'mqlab', recorder, seed, input, options: {} } as const;
    const { watches } = await target.run(() => runAcks(PLAN, context, [MIN_1, MIN_2], { answerMs: 10, settleMs: 600 }));
    const { operations } = recorder;
    const lost = applyChecks([lostWrite], recorder).flatMap(({ findings }) => findings.flatMap(({ values }) => values));
    return { beganMs: began, operations: [...operations], watches, lost };
  } finally {
    await target.close();
  }
}

function lostOf({ lost }: Played, { topic }: Setup): number {
  return lost.filter((value) => value.startsWith(`${topic} `)).length;
}

function replicasOf(played: Played, seeds: number): Replicas {
  const { operations } = played;
  const source = `one run in the simulator, virtual time, both topics in it; run ${seeds} of those tried`;
  const waitedOf = ({ topic }: Setup): number =>
    Math.max(
      ...operations.flatMap(({ data, invoked, time, process }) =>
        invoked !== undefined && process === 'p1' && data.type === 'send' && data.topic === topic
          ? [time - operations[invoked]!.time]
          : [],
      ),
    );
  const figure = (value: number, unit: string, what: string): Figure => ({
    value,
    unit,
    label: 'measured',
    source: `${what}; ${source}`,
  });
  return {
    charts: {
      'replicas-min-1': chartOf(MIN_1, played, {
        title: 'min.insync.replicas=1: the leader acknowledges alone',
        caption:
          'The followers are cut off and leave the in-sync replicas; the high watermark then follows the leader alone, and the producer is told that all is well. After the power cut the log is shorter than what had been acknowledged.',
        source,
      }),
      'replicas-min-2': chartOf(MIN_2, played, {
        title: 'min.insync.replicas=2: the same faults at the same times',
        caption:
          'With one replica in sync the leader refuses, and nothing is acknowledged until a second one is back. What it had acknowledged before was in its own page cache too, and came through this power cut by luck.',
        source,
      }),
    },
    figures: {
      'replicas.lost.1': figure(
        lostOf(played, MIN_1),
        'count',
        'acknowledged records that are gone, with min.insync.replicas=1',
      ),
      'replicas.lost.2': figure(
        lostOf(played, MIN_2),
        'count',
        'acknowledged records that are gone, with min.insync.replicas=2',
      ),
      'replicas.waited.1': figure(waitedOf(MIN_1), 'ms', 'longest wait of a send, with min.insync.replicas=1'),
      'replicas.waited.2': figure(waitedOf(MIN_2), 'ms', 'longest wait of a send, with min.insync.replicas=2'),
    },
  };
}

function chartOf(
  { topic }: Setup,
  { beganMs, operations, watches }: Played,
  words: Pick<LineChart, 'title' | 'caption' | 'source'>,
): LineChart {
  const round = (ms: number): number => Math.round(ms);
  const acknowledged: [number, number][] = [[0, 0]];
  const marks: AxisMark[] = [];
  for (const { data, phase, invoked, time, process } of operations) {
    if (data.type === 'send' && process === 'p1' && phase === 'ok' && invoked !== undefined && data.topic === topic) {
      acknowledged.push([round(time), acknowledged.length]);
    }
    if (data.type === 'fault' && data.kind === 'power-cut')
      marks.push({ at: round(time), label: 'power cut', tone: 'bad' });
    if (data.type === 'fault' && data.kind === 'cut-nodes' && marks.length === 0) {
      marks.push({ at: round(time), label: 'followers cut off', tone: 'warn' });
    }
    if (data.type === 'heal') marks.push({ at: round(time), label: 'healed', tone: 'good' });
  }
  const lines = {
    end: [] as [number, number][],
    watermark: [] as [number, number][],
    inSync: [] as [number, number][],
  };
  for (const { atMs, node, view, inSyncReplicas } of watches.get(topic)!.states) {
    if (view?.isLeader !== true) continue;
    if (node !== 1 && view.leaderEpoch === 0) continue;
    lines.end.push([round(atMs - beganMs), view.logEndOffset]);
    lines.watermark.push([round(atMs - beganMs), view.highWatermark]);
    lines.inSync.push([round(atMs - beganMs), inSyncReplicas.length]);
  }
  const series = (name: string, points: readonly [number, number][]) => ({ name, points, step: true });
  return {
    type: 'line',
    ...words,
    x: { name: 'time', unit: 'ms' },
    y: { name: 'records, and replicas', unit: '' },
    series: [
      series('acknowledged', acknowledged),
      series("leader's log end", lines.end),
      series('high watermark', lines.watermark),
      { ...series('replicas in sync', lines.inSync), line: 'dashed' },
    ],
    marks,
  };
}
