/**
 * librdkafka, by kcat: `kcat -G group topic | worker`, with auto commit as it is by default. The pipe is the queue; the worker stands in this process.
 *
 * Skipped where kcat is not installed. A kill takes kcat and its worker together, as a container's end does.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Crew, Post } from './measure-table.ts';

export const KCAT = {
  id: 'kcat-pipe',
  short: 'kcat: pipe',
  title: 'kcat -G, piped to a worker',
  settings: 'defaults',
} as const;

let known: string | null | undefined;

/** `librdkafka 2.0.2 (kcat 1.7.1)`; null where there is none. */
export function kcatVersion(): string | null {
  if (known !== undefined) return known;
  const { error, stdout } = spawnSync('kcat', ['-V'], { encoding: 'utf8' });
  const match = error === undefined ? /Version (\S+) .*librdkafka (\d[\w.]*)/.exec(stdout) : null;
  known = match === null ? null : `librdkafka ${match[2]} (kcat ${match[1]})`;
  return known;
}

export function kcatArguments(bootstrap: string, topic: string, group: string): string[] {
  return ['-b', bootstrap, '-X', 'auto.offset.reset=earliest', '-q', '-u', '-f', '%o\n', '-G', group, topic];
}

export function startKcat(bootstrap: string, post: Post, workMs: number): Crew {
  const { topic, group } = post.duty;
  const child = spawn('kcat', kcatArguments(bootstrap, topic, group), {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const queue: number[] = [];
  let isGoing = false;
  let isGone = false;
  const work = async (): Promise<void> => {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, workMs));
      if (isGone || queue.length === 0) break;
      post.effects.add(queue.shift()!);
    }
    isGoing = false;
  };
  const begin = (): void => {
    if (isGoing || isGone) return;
    isGoing = true;
    void work();
  };
  let mayWork = false;
  createInterface({ input: child.stdout! }).on('line', (line) => {
    post.polled.add(Number(line));
    queue.push(Number(line));
    if (mayWork) begin();
  });
  child.once('exit', () => {
    post.hasEnded = true;
  });
  return {
    posts: [post],
    child,
    go: () => {
      mayWork = true;
      begin();
    },
    end: () => {
      // The signal goes to the whole pipeline: the worker ends too.
      isGone = true;
      child.kill('SIGTERM');
    },
    kill: () => {
      isGone = true;
      child.kill('SIGKILL');
    },
  };
}
