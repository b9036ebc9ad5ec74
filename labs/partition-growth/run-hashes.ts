/**
 * One run: two producers of one topic, which may disagree about where a key belongs. They send in turn, each after the other's answer: what the second sends follows from the first.
 *
 * Invariant: a hash that is given is the application's; without one it is the client's own default that decides.
 */
import { CLIENT_NAMES, type ClientName } from '../kit/drivers/driver.ts';
import { finalRead, healAll } from '../kit/finish-run.ts';
import { flightsOf } from '../kit/flights.ts';
import type { RunContext } from '../kit/lab.ts';
import { freshTopic } from '../kit/send-flights.ts';
import type { KeyHash } from './app/hashes.ts';
import type { HashPlan } from './plan.ts';
import { Readers } from './readers.ts';
import { DRAIN_MS_MAX, sendRecorded, TOPIC, WORK_UNIT_MS } from './run-growth.ts';

export const BOTH = 'a key from both producers';

export interface Writer {
  /** Default: the run's client. */
  readonly client?: ClientName;
  /** The record names its partition. */
  readonly hash?: KeyHash;
}

export async function runHashes(
  plan: HashPlan,
  context: RunContext,
  writers: readonly [Writer, Writer],
): Promise<void> {
  const { target, recorder, input } = context;
  const { partitions, records } = plan;
  const flights = flightsOf(records, input);
  const unitMs = WORK_UNIT_MS[target.kind];
  const workMs = new Map(flights.map(({ value }, at) => [value, records[at]!.work * unitMs]));
  const admin = await target.app('operator').client('mqlab').admin();
  await freshTopic(admin, context, TOPIC, partitions);
  const readers = new Readers(context, TOPIC, workMs);
  await readers.open(partitions);
  const producers = await Promise.all(
    writers.map(({ client = context.client }, at) =>
      target
        .app(`p${at + 1}`)
        .client(client)
        .producer(),
    ),
  );
  const from = new Map<string, Set<number>>();
  for (const [at, { key, value }] of flights.entries()) {
    const { producer } = records[at]!;
    const partition = writers[producer]!.hash?.(key, partitions);
    await sendRecorded(producers[producer]!, recorder, `p${producer + 1}`, {
      key,
      value,
      ...(partition === undefined ? {} : { partition }),
    });
    from.set(key, (from.get(key) ?? new Set()).add(producer));
  }
  if ([...from.values()].some((both) => both.size === 2)) recorder.note('kit', { type: 'reach', goal: BOTH });
  await healAll(target, recorder);
  if (await readers.drain(admin, DRAIN_MS_MAX)) recorder.note('c0', { type: 'drained' });
  await readers.close();
  for (const producer of producers) await producer.close();
  await finalRead(target, recorder, [TOPIC], { client: 'mqlab' });
  await admin.close();
}

/** Two that disagree today, each with its defaults. */
export const DISAGREEING: readonly [ClientName, ClientName] = [CLIENT_NAMES[1]!, CLIENT_NAMES[2]!];
