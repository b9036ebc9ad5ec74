/**
 * A drain, measured: consumers were away while records arrived, come back in one of several layouts, and work the backlog off while arrivals go on.
 *
 * Invariant: backlog = records acknowledged to the producer − records that took effect, sampled on the target's clock; drained is when it is down to what is
 * in the consumers' hands. The prediction knows nothing of the run: backlog / (capacity − arrivals), with the time of one record's work measured beforehand.
 * Runs the application code of the lab as it stands; no faults here.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { ClientDriver, PolledRecord } from '../../kit/drivers/driver.ts';
import type { InputRecord } from '../../kit/input.ts';
import type { Target } from '../../kit/targets/target.ts';
import { consume } from '../app/consumer.ts';
import type { Environment } from '../app/environment.ts';
import { dispatchByKey } from '../app/keyed-dispatcher.ts';
import { dispatchRoundRobin } from '../app/round-robin-dispatcher.ts';
import { Store } from '../app/store.ts';

export const FACTOR = 10;
export type DrainLayout = 'unchanged' | 'more-consumers' | 'round-robin' | 'by-key';

export interface DrainSettings {
  readonly layout: DrainLayout;
  /** Work on one record, on the target's clock or on a processor. */
  readonly work: () => Promise<void>;
  /** How long consumers were away. Records arrive at the same rate throughout. */
  readonly awayMs: number;
  readonly arrivalsPerSecond: number;
  /** Records sent at once when the consumers went away, in addition. */
  readonly startRecords: number;
  readonly tickMs: number;
  readonly pollMs: number;
  readonly input: readonly InputRecord[];
  /** Names topics, so that one broker can serve several drains. */
  readonly name: string;
  readonly drainMsMax: number;
}

export interface DrainCurve {
  readonly layout: DrainLayout;
  /** Time since the consumers came back, and backlog. */
  readonly points: readonly (readonly [ms: number, records: number])[];
  readonly backlog: number;
  readonly drainMs: number;
  /** Of the temporary topic's partitions, the fullest one's part of all records; 1 without a temporary topic. */
  readonly largestShare: number;
  readonly effects: number;
}

const CLIENT = 'mqlab';
/** Few enough to be worked off within max.poll.interval.ms. */
const POLL_RECORDS = 100;

export async function measureDrain(target: Target, settings: DrainSettings): Promise<DrainCurve> {
  const { layout, work, input, name, tickMs, pollMs } = settings;
  const { clock } = target;
  const source = { topic: `${name}-source`, group: `${name}-billing` };
  const temporary = { topic: `${name}-drain`, group: `${name}-billing-drain` };
  const isDispatched = layout === 'round-robin' || layout === 'by-key';
  const wait = (ms: number): Promise<void> => sleep(clock, ms);

  const admin = await target.app('operator').client(CLIENT).admin();
  await admin.createTopic(source.topic, 1);
  if (isDispatched) await admin.createTopic(temporary.topic, FACTOR);
  await admin.close();

  let produced = 0;
  let effects = 0;
  const producer = await target.app('p1').client(CLIENT).producer();
  let sent = 0;
  const send = (count: number): Promise<unknown> =>
    Promise.all(
      Array.from({ length: count }, async () => {
        const number = sent++;
        const { key, value } = input[number % input.length]!;
        const answer = await producer.send({ topic: source.topic, key, value: `${number} ${value}` });
        if (answer.outcome === 'ok') produced++;
      }),
    );
  const tick = async (began: number, round: number): Promise<void> => {
    const due = Math.floor((settings.arrivalsPerSecond * round * tickMs) / 1000);
    await send(settings.startRecords + due - sent);
    await wait(Math.max(0, began + round * tickMs - clock.monotonic()));
  };
  const began = clock.monotonic();
  await send(settings.startRecords);
  let round = 1;
  const points: (readonly [number, number])[] = [];
  for (; round * tickMs <= settings.awayMs; round++) {
    await tick(began, round);
    points.push([clock.monotonic() - began - settings.awayMs, produced]);
  }

  // #excerpt layouts
  let isStopping = false;
  const perPartition = new Map<number, number>();
  const environment = (process: string): Environment => ({
    client: counted(target.app(process).client(CLIENT), temporary.topic, perPartition),
    wait,
    step: async () => {},
    get isStopping() {
      return isStopping;
    },
  });
  const store = new Store(() => effects++);
  const handle = async (record: PolledRecord): Promise<void> => {
    await work();
    if (layout === 'by-key') store.applyOnce('', record);
    else store.apply('', record);
  };
  const consumers = layout === 'unchanged' ? 1 : FACTOR;
  const reads = isDispatched ? temporary : source;
  let ready = 0;
  const running = Array.from({ length: consumers }, (_, at) =>
    consume(
      environment(`c${at}`),
      { ...reads, pollMs, maxPollRecords: POLL_RECORDS, onAssigned: (partitions) => (ready += partitions > 0 ? 1 : 0) },
      handle,
    ),
  );
  // #end
  const mark = effects;
  if (isDispatched) while (ready < FACTOR) await wait(pollMs / 2);
  const dispatch = layout === 'by-key' ? dispatchByKey : dispatchRoundRobin;
  if (isDispatched) {
    const to = { topic: temporary.topic, partitions: FACTOR };
    running.push(dispatch(environment('d1'), { ...source, pollMs }, to));
  }

  const start = clock.monotonic();
  const backlog = produced - mark;
  let isArriving = true;
  const arriving = (async () => {
    // Time that joining took is not made up for by a burst.
    const from = start - round * tickMs;
    const skipped = sent - settings.startRecords - Math.floor((settings.arrivalsPerSecond * round * tickMs) / 1000);
    for (let next = round + 1; isArriving; next++) {
      const due = Math.floor((settings.arrivalsPerSecond * next * tickMs) / 1000) + skipped;
      await send(settings.startRecords + due - sent);
      await wait(Math.max(0, from + next * tickMs - clock.monotonic()));
    }
  })();
  const floor = Math.max(consumers, Math.ceil((settings.arrivalsPerSecond * tickMs) / 1000));
  points.push([0, backlog]);
  while (produced - effects > floor && clock.monotonic() - start < settings.drainMsMax) {
    await wait(tickMs);
    points.push([clock.monotonic() - start, produced - effects]);
  }
  const drainMs = clock.monotonic() - start;
  isArriving = false;
  await arriving;
  isStopping = true;
  await Promise.all(running);
  await producer.close();
  const forwarded = [...perPartition.values()];
  const total = forwarded.reduce((sum, count) => sum + count, 0);
  return {
    layout,
    points,
    backlog,
    drainMs,
    largestShare: total === 0 ? 1 : Math.max(...forwarded) / total,
    effects,
  };
}

/** Counts what is forwarded to each partition. */
function counted(client: ClientDriver, topic: string, perPartition: Map<number, number>): ClientDriver {
  return {
    ...client,
    producer: async (settings) => {
      const producer = await client.producer(settings);
      return {
        ...producer,
        send: async (record) => {
          const answer = await producer.send(record);
          if (answer.outcome === 'ok' && record.topic === topic) {
            perPartition.set(answer.partition, (perPartition.get(answer.partition) ?? 0) + 1);
          }
          return answer;
        },
      };
    },
  };
}

export interface Prediction {
  readonly drainMs: number;
  readonly capacityPerSecond: number;
}

/**
 * backlog / (capacity − arrivals). Where keys decide, the fullest partition is done last: its share of the backlog and of the arrivals against one consumer's
 * capacity.
 */
export function predictDrain(
  curve: Pick<DrainCurve, 'layout' | 'backlog' | 'largestShare'>,
  recordMs: number,
  arrivalsPerSecond: number,
): Prediction {
  const one = 1000 / recordMs;
  const isSpread = curve.layout === 'round-robin' || curve.layout === 'by-key';
  const capacityPerSecond = isSpread ? one / Math.max(curve.largestShare, 1 / FACTOR) : one;
  return { capacityPerSecond, drainMs: (curve.backlog / (capacityPerSecond - arrivalsPerSecond)) * 1000 };
}
