/**
 * Consumers as simulated processes: the application's reader and dispatcher as they are, workers that take their planned time on the process's clock.
 *
 * Invariant: a life that was killed tells nothing more: everything it would tell is asked whether it lives.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { Recorder } from '../kit/history.ts';
import type { RunContext } from '../kit/lab.ts';
import type { AppProcess } from '../kit/targets/target.ts';
import { commitPolicy } from './app/commit-policies.ts';
import type { Journal } from './app/journal.ts';
import { Reader } from './app/reader.ts';
import { dispatcherOf, type Setup } from './app/setup.ts';
import type { Store } from './app/stores.ts';
import type { Job, Worker } from './app/worker.ts';
import { type Crew, type CrewEvents, GROUP, RecordingJournal, SIM_PACE, TOPIC } from './crew.ts';
import type { Observer } from './observer.ts';
import { type OrderingPlan, recordNumber } from './plan.ts';

interface Member {
  readonly app: AppProcess;
  readonly reader: Reader;
  readonly journal: RecordingJournal;
  isStopping: boolean;
}

export class SimCrew implements Crew {
  readonly #plan: OrderingPlan;
  readonly #setup: Setup;
  readonly #context: RunContext;
  readonly #store: Store;
  readonly #observer: Observer;
  readonly #events: CrewEvents;
  readonly #members = new Map<string, Member>();

  constructor(
    plan: OrderingPlan,
    setup: Setup,
    context: RunContext,
    store: Store,
    observer: Observer,
    events: CrewEvents,
  ) {
    this.#plan = plan;
    this.#setup = setup;
    this.#context = context;
    this.#store = store;
    this.#observer = observer;
    this.#events = events;
  }

  start(name: string): void {
    const { target, client } = this.#context;
    const { workers, queueRecordsMax, pollRecordsMax } = this.#plan;
    const recorder: Recorder = this.#context.recorder;
    const app = target.app(name);
    const journal = new RecordingJournal(name, recorder, this.#observer, this.#events);
    const crew = Array.from({ length: workers }, (_, at) => this.#worker(app, at, journal));
    const dispatcher = dispatcherOf(this.#setup.dispatcher, crew, queueRecordsMax);
    const { pollWaitMs, sessionTimeoutMs, heartbeatIntervalMs } = SIM_PACE;
    const settings = {
      group: GROUP,
      topic: TOPIC,
      pollRecordsMax,
      pollWaitMs,
      sessionTimeoutMs,
      heartbeatIntervalMs,
      fence: (partition: number, generation: number) => this.#store.fence(partition, generation),
    };
    const reader = new Reader(settings, dispatcher, () => commitPolicy(this.#setup.policy), whileAlive(journal, app));
    this.#members.set(name, { app, reader, journal, isStopping: false });
    app.spawn(() => reader.run(app.client(client)));
  }

  async crash(name: string): Promise<void> {
    const member = this.#members.get(name);
    if (member === undefined) return;
    this.#members.delete(name);
    this.#context.target.crashApp(name);
    member.journal.crashed();
  }

  pause(name: string): void {
    this.#context.target.pauseApp(name);
  }

  resume(name: string): void {
    this.#context.target.resumeApp(name);
  }

  stop(name: string): void {
    const member = this.#members.get(name);
    if (member === undefined) return;
    member.isStopping = true;
    member.reader.stop();
  }

  isRunning(name: string): boolean {
    const member = this.#members.get(name);
    return member !== undefined && !member.isStopping;
  }

  async close(): Promise<void> {
    for (const name of this.#members.keys()) this.#context.target.crashApp(name);
    this.#members.clear();
  }

  #worker(app: AppProcess, number: number, journal: RecordingJournal): Worker {
    return {
      work: async (job: Job) => {
        await sleep(app.ports.clock, this.#plan.records[recordNumber(job.value)]!.units * SIM_PACE.unitMs);
        const answer = this.#store.apply(job);
        journal.worked(number, job, answer);
        return answer === 'not-owner' ? 'not-owner' : 'done';
      },
    };
  }
}

function whileAlive(journal: Journal, app: AppProcess): Journal {
  return {
    polled: (records) => {
      if (app.alive) journal.polled(records);
    },
    committing: (offset, generation) => {
      if (!app.alive) return () => {};
      const ended = journal.committing(offset, generation);
      return (answer) => {
        if (app.alive) ended(answer);
      };
    },
    assigned: (partitions, generation) => {
      if (app.alive) journal.assigned(partitions, generation);
    },
    revoked: (partitions, generation) => {
      if (app.alive) journal.revoked(partitions, generation);
    },
    reach: (goal) => {
      if (app.alive) journal.reach(goal);
    },
  };
}
