/**
 * How long a partition cannot be written to (C46): a producer sends at a fixed rate while the leader goes down, and the longest silence between two acknowledgements is the outage.
 *
 * Invariant: the rate is kept whatever is answered, so that waiting costs what it costs. The producer has the client's defaults but for linger.ms=0.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { BarChart } from '@mqlab/reports/chart-spec.ts';
import type { Figure } from '@mqlab/reports/run-data.ts';
import type { Target } from '../../kit/targets/target.ts';
import { connect, stateOf, topicOn, until } from './cluster.ts';

export type Ending = 'stop' | 'kill' | 'kill-both' | 'power';

const EVERY_MS = 10;
const BEFORE_MS = 300;
const QUIET_MS = 300;
const ACKNOWLEDGED_MIN = 20;

export interface Outage {
  readonly ending: Ending;
  readonly sessionMs: number;
  readonly target: string;
  readonly ms: number;
  readonly refused: number;
}

/** Replicas 1, 2, 3; whoever leads goes down, and comes back afterwards. */
export async function measureOutage(target: Target, topic: string, ending: Ending, sessionMs: number): Promise<Outage> {
  const { clock } = target;
  const shape = connect(target, `outage-${topic}`);
  // With both roles on each node it matters whether the leader is the active controller too.
  const active = await target.controller();
  const first = [1, 2, 3].find((id) => (id === active) === (ending === 'kill-both'))!;
  await topicOn(shape, target, topic, [[first, ...[1, 2, 3].filter((id) => id !== first)]]);
  const producer = await shape.app.client('mqlab').producer({ acks: -1, lingerMs: 0 });
  const acknowledged: number[] = [];
  let refused = 0;
  let isOver = false;
  const writing = (async () => {
    for (let i = 0; !isOver; i++) {
      void producer.send({ topic, key: null, value: `v${i}`, partition: 0 }).then((answer) => {
        if (answer.outcome === 'ok') acknowledged.push(clock.monotonic());
        else refused++;
      });
      await sleep(clock, EVERY_MS);
    }
  })();
  await until(target, () => acknowledged.length > 0);
  await sleep(clock, BEFORE_MS);
  const { leader } = await stateOf(target, topic);
  const wentAt = clock.monotonic();
  if (ending === 'kill' || ending === 'kill-both') await target.killBroker(leader!);
  else if (ending === 'power') await target.powerCutBroker(leader!);
  else void target.stopBroker(leader!);
  const isBack = (): boolean => {
    const last = acknowledged.at(-1) ?? 0;
    const gap = longest(acknowledged, wentAt);
    if (acknowledged.filter((at) => at > wentAt).length < ACKNOWLEDGED_MIN) return false;
    return last - wentAt > gap + QUIET_MS && clock.monotonic() - last < QUIET_MS;
  };
  await until(target, async () => isBack() && (await target.partitionOf(topic, 0))?.leader !== leader, 120_000);
  isOver = true;
  await writing;
  const ms = longest(acknowledged, wentAt);
  await target.startBroker(leader!);
  await until(target, async () => (await stateOf(target, topic)).inSyncReplicas.length === 3);
  await producer.close();
  await shape.admin.close();
  return { ending, sessionMs, target: target.kind, ms: Math.round(ms), refused };
}

/** The longest time between two acknowledgements of which the later came after `from`. */
function longest(times: readonly number[], from: number): number {
  let most = 0;
  for (let at = 1; at < times.length; at++) {
    if (times[at]! > from) most = Math.max(most, times[at]! - times[at - 1]!);
  }
  return most;
}

const WORDS: Readonly<Record<Ending, string>> = {
  stop: 'shut down cleanly',
  kill: 'killed (kill −9)',
  'kill-both': 'killed, and it was the active controller',
  power: 'without power',
};

const nameOf = ({ target, ending, sessionMs }: Outage): string => `outage.${target}.${ending}.${sessionMs}`;

export function outageFigures(outages: readonly Outage[]): Record<string, Figure> {
  return Object.fromEntries(
    outages.map((each) => [
      nameOf(each),
      {
        value: each.ms,
        unit: 'ms',
        label: 'measured',
        source: `longest silence between acknowledgements, ${each.target} target, broker.session.timeout.ms=${each.sessionMs}`,
      },
    ]),
  );
}

export function outageChart(outages: readonly Outage[]): BarChart {
  return {
    type: 'bar',
    title: 'How long nobody can write',
    caption:
      'A leader that is asked to stop hands over first. One that is killed is missed when its session ends. One that loses its power does not even close its connections: its clients wait for a time-out.',
    source: 'measured; virtual time where it says sim, real processes where it says local; three replicas, acks=all',
    x: { name: 'the leader is …', unit: '' },
    y: { name: 'without an acknowledgement', unit: 'ms', min: 0 },
    categories: outages.map((each) => `${WORDS[each.ending]}, ${each.target}, session ${each.sessionMs} ms`),
    series: [{ name: 'outage', values: outages.map(({ ms }) => ms) }],
    horizontal: true,
  };
}
