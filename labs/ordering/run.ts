/**
 * One run: the records are sent, consumers work on them while faults fire, everything is healed, what is left is drained, and the log is read whole.
 *
 * Invariant: the same on every target but for the pace and for what a consumer process is. All records are sent before the first consumer starts, each after the
 * one before was acknowledged, so that the order of a key is beyond doubt.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import { finalRead, healAll } from '../kit/finish-run.ts';
import type { RunContext } from '../kit/lab.ts';
import { type Fault, FaultSchedule } from '../kit/plan.ts';
import type { Setup } from './app/setup.ts';
import { FencedStore, PlainStore } from './app/stores.ts';
import { type Crew, type CrewEvents, REAL_PACE, SIM_PACE, TOPIC } from './crew.ts';
import { Observer } from './observer.ts';
import { type OrderingPlan, outgoingOf } from './plan.ts';
import { SimCrew } from './sim-crew.ts';

export const BROKER_SETTINGS: Readonly<Record<string, string>> = {
  'group.initial.rebalance.delay.ms': '0',
  'group.min.session.timeout.ms': '100',
  'offsets.topic.num.partitions': '1',
};

const LOOK_MS = 5;

export async function runOrdering(plan: OrderingPlan, context: RunContext, setup: Setup): Promise<void> {
  const { target, recorder, client } = context;
  const pace = target.kind === 'sim' ? SIM_PACE : REAL_PACE;
  const end = await sendAll(plan, context);

  let committed = 0;
  const observer = new Observer(plan, recorder);
  const events: CrewEvents = {
    onStep: () => target.clock.defer(() => void faults.step()),
    onCommitted: (offset) => {
      committed = Math.max(committed, offset);
    },
  };
  const crew = await openCrew(plan, setup, context, observer, events);
  let isOver = false;
  const later = (delayMs: number, action: () => void): void => {
    target.clock.setTimer(delayMs, () => {
      if (!isOver) action();
    });
  };
  const faults = new FaultSchedule(plan.faults, target, recorder, {
    holds: ({ app }: Fault) => observer.holds(app ?? 'c1'),
    on: {
      'crash-app': async ({ app = 'c1' }) => {
        if (!crew.isRunning(app)) return;
        await crew.crash(app);
        later(pace.restartMs, () => crew.start(app));
      },
      rebalance: () => {
        if (crew.isRunning('c2')) crew.stop('c2');
        else crew.start('c2');
      },
      'pause-app': ({ app = 'c1', durationMs = 100 }) => {
        crew.pause(app);
        later(durationMs, () => crew.resume(app));
        // Somebody must be there to take the partition over.
        if (!crew.isRunning('c2')) crew.start('c2');
      },
    },
  });
  try {
    crew.start('c1');
    const until = async (msMax: number): Promise<boolean> => {
      const from = target.clock.monotonic();
      // A commit alone says little here: that is what the lab is about.
      const isDrained = (): boolean => committed >= end && !observer.holdsAnything;
      while (!isDrained() && target.clock.monotonic() - from < msMax) await sleep(target.clock, LOOK_MS);
      return isDrained();
    };
    await until(pace.quietMsMax);
    await faults.stop();
    await healAll(target, recorder);
    crew.resume('c1');
    if (await until(pace.drainMsMax)) recorder.note('kit', { type: 'drained' });
    await finalRead(target, recorder, [TOPIC], { client: client });
  } finally {
    isOver = true;
    await crew.close();
  }
}

/** Sends one after the other; returns the log's end. */
async function sendAll(plan: OrderingPlan, context: RunContext): Promise<number> {
  const { target, recorder, client, input } = context;
  const driver = target.app('p1').client(client);
  const admin = await driver.admin();
  await admin.createTopic(TOPIC, 1);
  await admin.close();
  const producer = await driver.producer({ lingerMs: 0 });
  let end = 0;
  for (const { key, value } of outgoingOf(plan, input)) {
    const call = recorder.invoke('p1', { type: 'send', topic: TOPIC, key, value });
    const answer = await producer.send({ topic: TOPIC, key, value, partition: 0 });
    if (answer.outcome !== 'ok') {
      recorder[answer.outcome](call, answer.error);
      continue;
    }
    const { partition, offset = end } = answer;
    recorder.ok(call, { type: 'send', topic: TOPIC, key, value, partition, offset });
    end = offset + 1;
  }
  await producer.close();
  return end;
}

async function openCrew(
  plan: OrderingPlan,
  setup: Setup,
  context: RunContext,
  observer: Observer,
  events: CrewEvents,
): Promise<Crew> {
  if (context.target.kind === 'sim') {
    const store = setup.store === 'plain' ? new PlainStore() : new FencedStore();
    return new SimCrew(plan, setup, context, store, observer, events);
  }
  const { ProcessCrew } = await import('./process-crew.ts');
  return ProcessCrew.open(plan, setup, context, observer, events);
}
