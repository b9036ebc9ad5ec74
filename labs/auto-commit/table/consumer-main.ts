/**
 * One consumer process for the truth table: the ways of one client library side by side, each on a topic and in a group of its own, killed as a whole by SIGKILL.
 *
 * Tells its parent on stdout, a line each: `polled`, `effect`, `ended`. Work begins when every way has its first records (`go` on stdin), so that one kill
 * strikes all of them alike; `end` on stdin is what SIGTERM would be.
 */
import { createInterface } from 'node:readline';
import type { ClientName } from '../../kit/drivers/driver.ts';
import { type WayShift, waysOf } from './ways.ts';

export interface Duty {
  /** Id of the way. */
  readonly way: string;
  readonly topic: string;
  readonly group: string;
}

export interface MainSettings {
  readonly bootstrap: string;
  readonly client: ClientName;
  readonly workMs: number;
  readonly intervalMs: number;
  readonly duties: readonly Duty[];
}

export type Told =
  | { readonly type: 'polled' | 'effect'; readonly topic: string; readonly offsets: readonly number[] }
  | { readonly type: 'ended'; readonly topic: string };

const settings = JSON.parse(process.argv[2]!) as MainSettings;
const tell = (line: Told): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const go = Promise.withResolvers<void>();
const end = Promise.withResolvers<void>();
let isEnd = false;
createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'go') go.resolve();
  if (line !== 'end') return;
  isEnd = true;
  end.resolve();
});

const ways = await waysOf(settings.client);
for (const { way, topic, group } of settings.duties) {
  let hasEnded = false;
  const shift: WayShift = {
    get isEnding() {
      return isEnd;
    },
    polled: (records) => {
      if (records.length > 0) tell({ type: 'polled', topic, offsets: records.map(({ offset }) => offset) });
    },
    work: async ({ offset }) => {
      await go.promise;
      await new Promise((resolve) => setTimeout(resolve, settings.workMs));
      // An application that has ended is a process that is gone.
      if (hasEnded) return new Promise(() => {});
      tell({ type: 'effect', topic, offsets: [offset] });
    },
  };
  void ways[way]!({ ...settings, topic, group }, shift, end.promise).then(() => {
    hasEnded = true;
    tell({ type: 'ended', topic });
  });
}
