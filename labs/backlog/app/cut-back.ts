/**
 * The way back to the old layout, and the question that decides it: is everything that was handed on also done?
 *
 * The dispatcher reads in the old consumers' own group, so the offsets that it committed are where the old consumers go on: nothing to copy. It must be gone
 * by then: two kinds of member in one group would share the partitions between them.
 */
import type { AdminDriver } from '../../kit/drivers/driver.ts';

/** Records below these ends that the group has not committed yet. */
async function lagBehind(admin: AdminDriver, group: string, topic: string, ends: Ends): Promise<number> {
  const committed = new Map((await admin.committed(group, topic)).map((at) => [at.partition, at.offset]));
  return ends.reduce((lag, { partition, start, end }) => lag + end - (committed.get(partition) ?? start), 0);
}

type Ends = readonly { readonly partition: number; readonly start: number; readonly end: number }[];

const CHECKS_APART_MAX = 8;

export interface Layout {
  readonly source: { readonly topic: string; readonly group: string };
  readonly temporary: { readonly topic: string; readonly group: string };
}

export interface CutBack {
  readonly admin: AdminDriver;
  readonly wait: (ms: number) => Promise<void>;
  /** Between the first two looks at a group's lag; later ones are further apart. */
  readonly checkMs: number;
  readonly stopDispatcher: () => Promise<void>;
  readonly stopWorkers: () => Promise<void>;
  readonly startOldConsumers: () => void;
}

/** AFTER: the old consumers go on when the temporary topic is worked off. Arrivals wait in the source topic meanwhile. */
export async function cutBackWhenDrained(layout: Layout, how: CutBack): Promise<void> {
  // #excerpt when-drained
  await untilNoLag(how, layout.source);
  await how.stopDispatcher();
  await untilNoLag(how, layout.temporary);
  await how.stopWorkers();
  how.startOldConsumers();
  // #end
}

/** BEFORE: the source topic is read to its end, so the old consumers go on at once. */
export async function cutBackAtOnce(layout: Layout, how: CutBack): Promise<void> {
  // #excerpt at-once
  await untilNoLag(how, layout.source);
  await how.stopDispatcher();
  how.startOldConsumers();
  await untilNoLag(how, layout.temporary);
  await how.stopWorkers();
  // #end
}

/** Resolves when the group has committed all that the topic holds. */
export async function untilNoLag(
  how: Pick<CutBack, 'admin' | 'wait' | 'checkMs'>,
  { topic, group }: { readonly topic: string; readonly group: string },
): Promise<void> {
  let waitMs = how.checkMs;
  for (let ends = await how.admin.offsets(topic); ; ) {
    if ((await lagBehind(how.admin, group, topic, ends)) > 0) {
      await how.wait(waitMs);
      waitMs = Math.min(2 * waitMs, CHECKS_APART_MAX * how.checkMs);
      continue;
    }
    const now = await how.admin.offsets(topic);
    if (now.every(({ end }, at) => end === ends[at]?.end)) return;
    ends = now;
  }
}
