/**
 * When does the first automatic commit arrive? Each client with its own defaults, a loop that does nothing with its records, and the broker's own log of offsets as
 * the witness.
 *
 * Invariant: the time from the moment in which the application got its first record to the one in which its offset was read from `__consumer_offsets`, by one clock, in
 * this process. All clients side by side: they wait, and do not work.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { watchCommits } from '../../kit/commit-watch.ts';
import { CLIENT_NAMES, type ClientName } from '../../kit/drivers/driver.ts';
import type { Target } from '../../kit/targets/target.ts';
import { kcatArguments, kcatVersion } from '../table/kcat.ts';

export type FirstCommits = Readonly<Partial<Record<ClientName | 'kcat', number>>>;

const RECORDS = 3;
const POLL_MS = 100;
/** Far above every client's default interval: a busy machine. */
const WAIT_MS_MAX = 20_000;

export async function measureFirstCommits(target: Target): Promise<FirstCommits> {
  const driver = target.app('first-commit').client('mqlab');
  const admin = await driver.admin();
  const producer = await driver.producer({ lingerMs: 0 });
  const names = [...CLIENT_NAMES, ...(kcatVersion() === null ? [] : (['kcat'] as const))];
  const topicOf = (name: string): string => `first-${name}`;
  for (const name of names) {
    const topic = topicOf(name);
    await admin.createTopic(topic, 1);
    await Promise.all(
      Array.from({ length: RECORDS }, (_, at) => producer.send({ topic, key: null, value: `v${at}`, partition: 0 })),
    );
  }
  await admin.committed(topicOf('mqlab'), topicOf('mqlab'));
  const got = new Map<string, number>();
  const committed = new Map<string, number>();
  const groups = new Set(names.map(topicOf));
  const watch = await watchCommits(target.app('first-commit-watch').ports, target.bootstrap, ({ group }) => {
    // The truth table's groups commit beside these.
    if (groups.has(group) && !committed.has(group)) committed.set(group, performance.now());
  });
  let isOver = false;
  const poll = async (name: ClientName): Promise<void> => {
    const topic = topicOf(name);
    const client = target.app(`first-${name}`).client(name);
    const consumer = await client.consumer({ group: topic, topics: [topic], fromBeginning: true });
    while (!isOver) {
      const records = await consumer.poll(POLL_MS);
      if (records.length > 0 && !got.has(topic)) got.set(topic, performance.now());
    }
    await consumer.close();
  };
  const pipe = async (): Promise<void> => {
    const topic = topicOf('kcat');
    const child = spawn('kcat', kcatArguments(target.bootstrap, topic, topic), { stdio: ['ignore', 'pipe', 'ignore'] });
    createInterface({ input: child.stdout! }).on('line', () => {
      if (!got.has(topic)) got.set(topic, performance.now());
    });
    while (!isOver) await sleep(POLL_MS);
    child.kill('SIGKILL');
  };
  const loops = names.map((name) => (name === 'kcat' ? pipe() : poll(name)));
  const from = performance.now();
  while (committed.size < names.length && performance.now() - from < WAIT_MS_MAX) await sleep(POLL_MS / 2);
  isOver = true;
  await Promise.all([...loops, watch.close(), producer.close(), admin.close()]);
  return Object.fromEntries(
    names.flatMap((name) => {
      const at = committed.get(topicOf(name));
      const since = got.get(topicOf(name));
      // A commit may be stored before the application got anything: that is the finding, and it is no time.
      return at === undefined ? [] : [[name, since === undefined ? 0 : at - since]];
    }),
  );
}
