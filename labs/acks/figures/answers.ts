/**
 * What each acks waits for, seen from outside (C25): a record to a leader whose followers are far away, when its producer goes on, and when each replica has it.
 *
 * Invariant: the same cluster and links for all three; answers are counted on the wire, between the leader and the producer, while nothing else is under way.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { SimWorld } from '@mqlab/core/ports/sim/world.ts';
import type { BarChart } from '@mqlab/reports/chart-spec.ts';
import type { Figure } from '@mqlab/reports/run-data.ts';
import { openTarget } from '../../kit/targets/open-target.ts';
import type { Target } from '../../kit/targets/target.ts';
import { type Acks, ALL_REPLICAS, makeTopic, openWriter } from '../app/writer.ts';
import { BROKER_SETTINGS, BROKERS, CONTROLLERS } from '../cluster.ts';
import { ReplicaWatch } from '../replica-watch.ts';

const ALL_ACKS: readonly Acks[] = [0, 1, -1];
/** Each way, between the leader and its followers. */
const FAR_MS = 40;
const QUIET_MS = 1000;

interface Observed {
  readonly answeredMs: number;
  readonly leaderMs: number;
  readonly followersMs: number;
  readonly answers: number;
}

export interface Answers {
  readonly chart: BarChart;
  readonly figures: Record<string, Figure>;
  /** As C25 says. */
  readonly isSo: boolean;
}

export async function observeAnswers(seed: number): Promise<Answers> {
  const seen = new Map<Acks, Observed>();
  const target = await openTarget('sim', { seed, brokers: BROKERS, controllers: CONTROLLERS, broker: BROKER_SETTINGS });
  try {
    await target.run(async () => {
      for (const follower of [2, 3]) target.slowLink(1, follower, { latencyMs: FAR_MS });
      for (const acks of ALL_ACKS) seen.set(acks, await observeOne(target, acks));
    });
  } finally {
    await target.close();
  }
  return answersOf(seen);
}

async function observeOne(target: Target, acks: Acks): Promise<Observed> {
  const { clock } = target;
  const topic = `acks${acks}`;
  const name = `p${acks}`;
  const app = target.app(name);
  const setup = { topic, acks, replicas: ALL_REPLICAS };
  await makeTopic(app, target.bootstrap, setup);
  const producer = await openWriter(app.client('mqlab'), setup);
  const send = (value: string) => producer.send({ topic, key: null, value, partition: 0 });
  // Metadata and connections are there before the record that counts.
  await send('first');
  await sleep(clock, QUIET_MS);
  const watch = new ReplicaWatch(target, topic);
  let answers = 0;
  const { world } = target as unknown as { readonly world: SimWorld };
  const stop = world.network.intercept((event) => {
    if (event.kind === 'send' && event.from === 'broker-1' && event.to === name) answers++;
    return 'deliver';
  });
  const began = clock.monotonic();
  const watchedFrom = watch.states.length;
  await send('second');
  const answeredMs = clock.monotonic() - began;
  await sleep(clock, QUIET_MS);
  stop();
  watch.stop();
  await producer.close();
  const hasAt = (node: number): number =>
    watch.states.slice(watchedFrom).find((state) => state.node === node && (state.view?.logEndOffset ?? 0) >= 2)!.atMs -
    began;
  return { answeredMs, answers, leaderMs: hasAt(1), followersMs: Math.max(hasAt(2), hasAt(3)) };
}

const nameOf = (acks: Acks): string => (acks === -1 ? 'all' : String(acks));

function answersOf(seen: ReadonlyMap<Acks, Observed>): Answers {
  const source = `sim target, ${FAR_MS} ms or a little more each way between leader and followers`;
  const figures: Record<string, Figure> = {
    'answers.far': { value: FAR_MS, unit: 'ms', label: 'given', source: "the lab's setting for this picture" },
  };
  for (const [acks, { answeredMs, answers, followersMs }] of seen) {
    const name = nameOf(acks);
    figures[`answers.wait.${name}`] = { value: answeredMs, unit: 'ms', label: 'measured', source };
    figures[`answers.followers.${name}`] = { value: followersMs, unit: 'ms', label: 'measured', source };
    figures[`answers.count.${name}`] = {
      value: answers,
      unit: 'count',
      label: 'measured',
      source: 'frames from the leader to the producer while the record was on its way',
    };
  }
  const all = ALL_ACKS.map((acks) => seen.get(acks)!);
  const series = (name: string, of: (one: Observed) => number) => ({ name, values: all.map(of) });
  const [none, leader, every] = all;
  return {
    figures,
    isSo:
      none!.answers === 0 &&
      none!.answeredMs < FAR_MS &&
      leader!.answers > 0 &&
      leader!.answeredMs < leader!.followersMs &&
      every!.answers > 0 &&
      every!.answeredMs >= every!.followersMs,
    chart: {
      type: 'bar',
      title: 'When the producer goes on, and where the record is by then',
      caption:
        'With acks=0 and acks=1 the producer goes on long before the followers have the record: that stretch is what a dying leader takes with it. With acks=all it goes on only after they have it.',
      source,
      x: { name: 'acks', unit: '' },
      y: { name: 'time since the send', unit: 'ms' },
      categories: ALL_ACKS.map(nameOf),
      horizontal: true,
      series: [
        series('every follower has it', ({ followersMs }) => followersMs),
        series('the producer goes on', ({ answeredMs }) => answeredMs),
      ],
    },
  };
}
