/**
 * Consumers as real processes on this machine: each a child with its client, its reader and its threads, killed by SIGKILL. What they did is read from
 * the journal file that they append to.
 *
 * Invariant: after a kill the history holds everything that the process had done, and then the crash.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Answer } from '../kit/drivers/driver.ts';
import type { RunContext } from '../kit/lab.ts';
import type { ProcessSettings } from './app/main.ts';
import type { JournalLine } from './app/process-journal.ts';
import type { Setup } from './app/setup.ts';
import { type Crew, type CrewEvents, GROUP, REAL_PACE, RecordingJournal, TOPIC } from './crew.ts';
import type { Observer } from './observer.ts';
import type { OrderingPlan } from './plan.ts';

const LOOK_MS = 3;
const CHUNK_BYTES = 64 * 1024;
const LOG_CHARACTERS_MAX = 4000;
const MAIN = fileURLToPath(new URL('./app/main.ts', import.meta.url));

/** Reads a growing file line by line. */
class Tail {
  readonly #file: number;
  readonly #chunk = Buffer.alloc(CHUNK_BYTES);
  #rest = Buffer.alloc(0);

  constructor(path: string) {
    this.#file = openSync(path, 'r');
  }

  /** Whole lines that came since the last time. */
  read(): string[] {
    const lines: string[] = [];
    for (;;) {
      const count = readSync(this.#file, this.#chunk);
      if (count === 0) return lines;
      const bytes = Buffer.concat([this.#rest, this.#chunk.subarray(0, count)]);
      const end = bytes.lastIndexOf(10) + 1;
      if (end > 0) lines.push(...bytes.toString('utf8', 0, end - 1).split('\n'));
      this.#rest = bytes.subarray(end);
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

interface Member {
  readonly child: ChildProcess;
  readonly exited: Promise<unknown>;
  readonly tail: Tail;
  readonly journal: RecordingJournal;
  readonly commits: Map<number, (answer: Answer) => void>;
  isStopping: boolean;
}

export class ProcessCrew implements Crew {
  readonly #folder: string;
  readonly #plan: OrderingPlan;
  readonly #setup: Setup;
  readonly #context: RunContext;
  readonly #observer: Observer;
  readonly #events: CrewEvents;
  readonly #members = new Map<string, Member>();
  readonly #timer: NodeJS.Timeout;
  #lives = 0;
  #failure: Error | null = null;

  static open(
    plan: OrderingPlan,
    setup: Setup,
    context: RunContext,
    observer: Observer,
    events: CrewEvents,
  ): ProcessCrew {
    if (setup.store !== 'plain') throw new Error('real processes have the plain store only');
    return new ProcessCrew(plan, setup, context, observer, events);
  }

  constructor(plan: OrderingPlan, setup: Setup, context: RunContext, observer: Observer, events: CrewEvents) {
    this.#folder = mkdtempSync(join(tmpdir(), 'mqlab-ordering-'));
    this.#plan = plan;
    this.#setup = setup;
    this.#context = context;
    this.#observer = observer;
    this.#events = events;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  get failure(): Error | null {
    return this.#failure;
  }

  start(name: string): void {
    const { client, recorder, target } = this.#context;
    const { pollWaitMs, sessionTimeoutMs, heartbeatIntervalMs, unitMs } = REAL_PACE;
    const { pollRecordsMax, workers, queueRecordsMax, records } = this.#plan;
    const path = join(this.#folder, `${name}-${this.#lives++}`);
    writeFileSync(path, '');
    const settings: ProcessSettings = {
      bootstrap: target.bootstrap,
      client,
      reader: {
        group: GROUP,
        topic: TOPIC,
        pollRecordsMax,
        pollWaitMs,
        sessionTimeoutMs,
        heartbeatIntervalMs,
      },
      dispatcher: this.#setup.dispatcher,
      policy: this.#setup.policy,
      workers,
      queueRecordsMax,
      journal: path,
      workMs: records.map(({ units }) => units * unitMs),
    };
    const child = spawn(process.execPath, [MAIN, JSON.stringify(settings)], { stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    child.stderr.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-LOG_CHARACTERS_MAX);
    });
    const member: Member = {
      child,
      exited: once(child, 'exit').then(([code]) => {
        if (typeof code === 'number' && code !== 0) this.#failure ??= new Error(`${name} ended with ${code}\n${log}`);
      }),
      tail: new Tail(path),
      journal: new RecordingJournal(name, recorder, this.#observer, this.#events),
      commits: new Map(),
      isStopping: false,
    };
    this.#members.set(name, member);
  }

  async crash(name: string): Promise<void> {
    const member = this.#members.get(name);
    if (member === undefined) return;
    this.#members.delete(name);
    member.child.kill('SIGKILL');
    await member.exited;
    this.#read(member);
    member.journal.crashed();
    member.tail.close();
  }

  pause(name: string): void {
    this.#members.get(name)?.child.kill('SIGSTOP');
  }

  resume(name: string): void {
    this.#members.get(name)?.child.kill('SIGCONT');
  }

  stop(name: string): void {
    const member = this.#members.get(name);
    if (member === undefined) return;
    member.isStopping = true;
    member.child.kill('SIGTERM');
  }

  isRunning(name: string): boolean {
    const member = this.#members.get(name);
    return member !== undefined && !member.isStopping;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const { child } of this.#members.values()) child.kill('SIGKILL');
    await Promise.all([...this.#members.values()].map(({ exited }) => exited));
    for (const { tail } of this.#members.values()) tail.close();
    this.#members.clear();
    rmSync(this.#folder, { recursive: true, force: true });
    if (this.#failure !== null) throw this.#failure;
  }

  #look(): void {
    for (const member of this.#members.values()) this.#read(member);
  }

  #read(member: Member): void {
    for (const text of member.tail.read()) this.#happened(member, JSON.parse(text) as JournalLine);
  }

  #happened({ journal, commits }: Member, line: JournalLine): void {
    switch (line.type) {
      case 'polled':
        return journal.polled(line.records);
      case 'committing':
        commits.set(line.commit, journal.committing(line.at, line.generation));
        return;
      case 'committed':
        commits.get(line.commit)!(line.answer);
        commits.delete(line.commit);
        return;
      case 'assigned':
        return journal.assigned(line.partitions, line.generation);
      case 'revoked':
        return journal.revoked(line.partitions, line.generation);
      case 'reach':
        return journal.reach(line.goal);
      case 'effect':
        return journal.worked(line.worker, line.job, 'made');
    }
  }
}
