/**
 * The journal of a real consumer process: a file to which the reader and its threads append a line each time something happened.
 *
 * Invariant: a line is one append, whole, and stays when the process is killed in the next instant. The file is the outside store too: the line of an effect
 * is the effect. So the order of the lines is the order of the world.
 */
import { openSync, writeSync } from 'node:fs';
import type { Answer, CommitOffset } from '../../kit/drivers/driver.ts';
import type { SeenRecord, TopicPartition } from '../../kit/history.ts';
import type { Journal } from './journal.ts';
import type { Job } from './worker.ts';

export type JournalLine =
  | { readonly type: 'polled'; readonly records: readonly SeenRecord[] }
  | { readonly type: 'committing'; readonly commit: number; readonly at: CommitOffset; readonly generation: number }
  | { readonly type: 'committed'; readonly commit: number; readonly answer: Answer }
  | {
      readonly type: 'assigned' | 'revoked';
      readonly partitions: readonly TopicPartition[];
      readonly generation: number;
    }
  | { readonly type: 'reach'; readonly goal: string }
  | { readonly type: 'effect'; readonly worker: number; readonly job: Job };

/** A function that appends lines to the file. */
export function appendTo(path: string): (line: JournalLine) => void {
  const file = openSync(path, 'a');
  return (line) => void writeSync(file, `${JSON.stringify(line)}\n`);
}

export class ProcessJournal implements Journal {
  readonly #append: (line: JournalLine) => void;
  #commits = 0;

  constructor(path: string) {
    this.#append = appendTo(path);
  }

  polled(records: readonly SeenRecord[]): void {
    this.#append({ type: 'polled', records });
  }

  committing(at: CommitOffset, generation: number): (answer: Answer) => void {
    const commit = this.#commits++;
    this.#append({ type: 'committing', commit, at, generation });
    return (answer) => this.#append({ type: 'committed', commit, answer });
  }

  assigned(partitions: readonly TopicPartition[], generation: number): void {
    this.#append({ type: 'assigned', partitions, generation });
  }

  revoked(partitions: readonly TopicPartition[], generation: number): void {
    this.#append({ type: 'revoked', partitions, generation });
  }

  reach(goal: string): void {
    this.#append({ type: 'reach', goal });
  }
}
