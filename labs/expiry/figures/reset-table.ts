/**
 * The truth table of auto.offset.reset, measured: where each client begins when its offset is missing, deleted by retention, or beyond the log's end.
 *
 * Invariant: a cell comes from a real client on a topic and in a group of its own; all begin side by side. The topics' first records were deleted by the broker's retention.
 * Traffic goes on until a client has a record: its offset tells where it began.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Admin } from '@mqlab/core/client/admin/admin.ts';
import { EARLIEST_TIMESTAMP } from '@mqlab/core/client/consumer/timestamps.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import { openDriver } from '../../kit/drivers/open-driver.ts';
import { flightsOf } from '../../kit/flights.ts';
import type { InputRecord } from '../../kit/input.ts';
import type { Target } from '../../kit/targets/target.ts';
import { type FirstSeen, type ResetWay, resetWays } from './reset-ways.ts';

/** Deleted, and left, before anybody reads. */
const GONE = 3;
const LEFT = 2;
const CASES = {
  none: { title: 'never was', committed: null },
  deleted: { title: 'expired', committed: 1 },
  beyond: { title: 'past the end', committed: 1000 },
} as const;
export type CaseName = keyof typeof CASES;
export const CASE_NAMES = Object.keys(CASES) as CaseName[];
export const CASE_TITLES = CASE_NAMES.map((name) => CASES[name].title);

export type Began = 'first left' | 'end' | 'error' | 'nothing';
export interface ResetCell {
  readonly began: Began;
  readonly error?: string;
}

export interface ResetRow {
  /** Short, so that it stands whole beside its row. */
  readonly title: string;
  readonly cells: Readonly<Record<CaseName, ResetCell>>;
}

const RETENTION_MS = 150;
const TRAFFIC_MS = 150;
const WAIT_MS_MAX = 6000;
const DELETE_MS_MAX = 20_000;

export async function measureResets(target: Target, input: readonly InputRecord[]): Promise<ResetRow[]> {
  const ports = realPorts();
  const { bootstrap } = target;
  const admin = new Admin(ports, { 'bootstrap.servers': bootstrap });
  const producer = await openDriver('mqlab', ports, bootstrap).producer({ lingerMs: 0 });
  const [flight] = flightsOf([{ key: 0 }], input);
  const send = async (topic: string): Promise<void> => {
    await producer.send({ topic, partition: 0, key: flight!.key, value: flight!.value });
  };
  const ways = resetWays();
  const cells = ways.flatMap((way, at) => CASE_NAMES.map((name) => ({ way, name, topic: `reset-${at}-${name}` })));
  const topics = cells.map(({ topic }) => topic);
  try {
    const configs = { 'retention.ms': String(RETENTION_MS), 'segment.ms': '10', 'file.delete.delay.ms': '0' };
    await admin.createTopics(topics.map((name) => ({ name, partitions: 1, configs })));
    for (let at = 0; at < GONE; at++) await Promise.all(topics.map(send));
    await untilDeleted(admin, topics);
    await admin.alterConfigs(
      topics.map((name) => ({
        type: 'topic' as const,
        name,
        changes: [{ name: 'retention.ms', operation: 'set' as const, value: '-1' }],
      })),
    );
    for (let at = 0; at < LEFT; at++) await Promise.all(topics.map(send));
    await Promise.all(
      cells.map(async ({ name, topic }) => {
        const offset = CASES[name].committed;
        if (offset !== null) await admin.alterGroupOffsets(topic, [{ topic, partition: 0, offset }]);
      }),
    );
    const found = await Promise.all(cells.map(({ way, topic }) => beginOne(way, bootstrap, topic, () => send(topic))));
    return ways.map(({ title }, row) => ({
      title,
      cells: Object.fromEntries(
        CASE_NAMES.map((name, column) => [name, found[row * CASE_NAMES.length + column]!]),
      ) as ResetRow['cells'],
    }));
  } finally {
    await producer.close();
    await admin.close();
  }
}

async function untilDeleted(admin: Admin, topics: readonly string[]): Promise<void> {
  const until = performance.now() + DELETE_MS_MAX;
  for (;;) {
    const starts = await admin.listOffsets(
      topics.map((topic) => ({ topic, partition: 0, timestamp: EARLIEST_TIMESTAMP })),
    );
    if ([...starts.values()].every(({ offset }) => offset >= GONE)) return;
    if (performance.now() > until) throw new Error(`retention deleted nothing in ${DELETE_MS_MAX} ms`);
    await sleep(20);
  }
}

async function beginOne(
  way: ResetWay,
  bootstrap: string,
  topic: string,
  send: () => Promise<void>,
): Promise<ResetCell> {
  const begun = await way.begin(bootstrap, topic, topic);
  let isOver = false;
  const traffic = (async () => {
    while (!isOver) {
      await send();
      await sleep(TRAFFIC_MS);
    }
  })();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), WAIT_MS_MAX);
  });
  const first: FirstSeen | null = await Promise.race([begun.first, late]);
  clearTimeout(timer);
  isOver = true;
  await traffic;
  await begun.stop();
  if (first === null) return { began: 'nothing' };
  if ('error' in first) return { began: 'error', error: first.error };
  return { began: first.offset < GONE + LEFT ? 'first left' : 'end' };
}
