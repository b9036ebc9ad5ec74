/**
 * One play for every assignor: three members come, one leaves, it comes back; records flow all the while. Moves and silences are counted around each change.
 *
 * Invariant: the same topics, flow and work for all; only the assignor differs, and, for KIP-848, the protocol and the client that speaks it.
 */
import { type Clock, sleep } from '@mqlab/core/ports/clock.ts';
import type { ProducerDriver } from '../../kit/drivers/driver.ts';
import type { Target } from '../../kit/targets/target.ts';
import { type Change, changeOf, OwnershipLog } from './ownership.ts';

export const TOPICS = ['arrivals', 'departures'] as const;
export const PARTITIONS = 3;
export const MEMBERS = ['c1', 'c2', 'c3'] as const;
/** Between two records of a partition. */
export const FLOW_MS = 25;
/** What a member takes for a batch: the group waits for the slowest. */
export const WORK_MS = 60;
export const HEARTBEAT_MS = 100;
const STABLE_MS = 500;
const STABLE_MS_MAX = 20_000;
const LOOK_MS = 10;

/** Starts a member; resolves with what ends it in order. */
export type StartMember = (member: string, log: OwnershipLog) => Promise<() => Promise<void>>;

export interface Play {
  readonly log: OwnershipLog;
  readonly leave: Change;
  readonly join: Change;
  readonly leaveAtMs: number;
  readonly joinAtMs: number;
  readonly endMs: number;
}

export async function playGroup(target: Target, group: string, start: StartMember): Promise<Play> {
  const { clock } = target;
  const began = clock.monotonic();
  const now = (): number => Math.round(clock.monotonic() - began);
  const log = new OwnershipLog(now);
  const driver = target.app(`p-${group}`).client('mqlab');
  const producer = await driver.producer({ lingerMs: 0 });
  const flow = startFlow(clock, producer, group);
  const stable = (member?: string): Promise<void> => untilStable(clock, log, member);
  const enders = new Map<string, () => Promise<void>>();
  for (const member of MEMBERS) {
    enders.set(member, await start(member, log));
    await stable(member);
  }
  const [gone] = MEMBERS.slice(1);
  const before = log.assignment;
  const leaveAtMs = now();
  await enders.get(gone!)!();
  log.owns(gone!, []);
  await stable();
  const leave = changeOf(log, before, log.assignment, gone!, leaveAtMs, now());
  const joinAtMs = now();
  const without = log.assignment;
  enders.set(gone!, await start(gone!, log));
  await stable(gone);
  const join = changeOf(log, without, log.assignment, gone!, joinAtMs, now());
  await flow.stop();
  const endMs = now();
  await Promise.all([...enders.values()].map((end) => end()));
  await producer.close();
  return { log, leave, join, leaveAtMs, joinAtMs, endMs };
}

export function topicName(group: string, topic: string): string {
  return `${group}.${topic}`;
}

/** Every partition owned by one member, the one that has come by some, and nothing changed for a while. */
async function untilStable(clock: Clock, log: OwnershipLog, member?: string): Promise<void> {
  const from = clock.monotonic();
  const since = log.owned.length;
  let seen = -1;
  let seenAt = from;
  const whole = TOPICS.length * PARTITIONS;
  while (clock.monotonic() - from < STABLE_MS_MAX) {
    await sleep(clock, LOOK_MS);
    const owners = [...log.assignment.values()];
    const isWhole =
      owners.length === whole && log.owners === whole && (member === undefined || owners.includes(member));
    if (log.changedAtMs !== seen || !isWhole) {
      seen = log.changedAtMs;
      seenAt = clock.monotonic();
    } else if (clock.monotonic() - seenAt > STABLE_MS) return;
  }
  throw new Error(`the group did not settle in ${STABLE_MS_MAX} ms (${log.owned.length - since} changes)`);
}

function startFlow(clock: Clock, producer: ProducerDriver, group: string): { stop(): Promise<void> } {
  let isOver = false;
  const flowing = (async () => {
    for (let turn = 0; !isOver; turn++) {
      for (const topic of TOPICS) {
        for (let partition = 0; partition < PARTITIONS; partition++) {
          void producer.send({ topic: topicName(group, topic), partition, key: null, value: `v${turn}` });
        }
      }
      await sleep(clock, FLOW_MS);
    }
    await producer.flush();
  })();
  return {
    stop: async () => {
      isOver = true;
      await flowing;
    },
  };
}
