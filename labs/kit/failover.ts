/** Waiting for a cluster to go on without one of its nodes: in the target's time, and never for ever. */
import { sleep } from '@mqlab/core/ports/clock.ts';
import { leaderOf, type Target } from './targets/target.ts';

const FAILOVER_MS_MAX = 30_000;
const LOOK_MS = 20;

/** The leader of a partition that is elected in place of another; null when none is. */
export async function leaderAfter(
  target: Target,
  topic: string,
  partition: number,
  former: number,
): Promise<number | null> {
  let next: number | null = null;
  const isElected = async (): Promise<boolean> => {
    next = await leaderOf(target, topic, partition);
    return next !== null && next !== former;
  };
  return (await whenSo(target, isElected)) ? next : null;
}

/** False when it is not so within the time that an election and what follows it may take. */
export async function whenSo({ clock }: Target, isSo: () => boolean | Promise<boolean>): Promise<boolean> {
  const began = clock.monotonic();
  while (!(await isSo())) {
    if (clock.monotonic() - began > FAILOVER_MS_MAX) return false;
    await sleep(clock, LOOK_MS);
  }
  return true;
}
