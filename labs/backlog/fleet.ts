/**
 * The application processes of one run: started, killed at the steps that the plan says, started again by their supervisor, stopped when asked.
 *
 * Invariant: a fault names a process and a step, counted for each process over all its lives, so where it strikes does not depend on what other processes do
 * meanwhile; that is what lets real processes repeat what the simulator found. After a crash nothing of that life goes on.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { RunContext } from '../kit/lab.ts';
import { type Fault, FaultSchedule } from '../kit/plan.ts';
import type { AppProcess } from '../kit/targets/target.ts';
import type { Environment } from './app/environment.ts';
import { recordedClient } from './recorded-client.ts';

const RESTART_MS_DEFAULT = 20;

type Body = (env: Environment) => Promise<void>;

interface Member {
  readonly name: string;
  readonly body: Body;
  readonly faults: FaultSchedule;
  readonly ended: Promise<void>;
  readonly end: () => void;
  app: AppProcess;
  isStopping: boolean;
  isHolding: boolean;
}

export class Fleet {
  readonly #context: RunContext;
  readonly #faults: readonly Fault[];
  readonly #members = new Map<string, Member>();

  constructor(context: RunContext, faults: readonly Fault[]) {
    this.#context = context;
    this.#faults = faults;
  }

  start(name: string, body: Body): void {
    const { target, recorder } = this.#context;
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const own = this.#faults.filter(({ app }) => app === name);
    const faults = new FaultSchedule(own, target, recorder, {
      holds: () => member.isHolding,
      on: { 'crash-app': (fault) => this.#crash(member, fault) },
    });
    const member: Member = {
      name,
      body,
      faults,
      ended,
      end,
      app: target.app(name),
      isStopping: false,
      isHolding: false,
    };
    this.#members.set(name, member);
    this.#live(member);
  }

  /** Resolves when it has come to its orderly end. One that was never started has. */
  async stop(name: string): Promise<void> {
    const member = this.#members.get(name);
    if (member === undefined) return;
    member.isStopping = true;
    await member.ended;
  }

  async stopFaults(): Promise<void> {
    for (const member of this.#members.values()) await member.faults.stop();
  }

  #live(member: Member): void {
    const { target, recorder, client } = this.#context;
    const { app, name } = member;
    const whileAlive = async (done: Promise<void>): Promise<void> => {
      await done;
      if (!app.alive) await new Promise<never>(() => {});
    };
    const env: Environment = {
      client: recordedClient(app.client(client), {
        recorder,
        process: name,
        onHolding: (isHolding) => {
          member.isHolding = isHolding;
        },
      }),
      wait: (ms) => whileAlive(sleep(app.ports.clock, ms)),
      step: () => whileAlive(member.faults.step()),
      get isStopping() {
        return member.isStopping;
      },
    };
    app.spawn(async () => {
      await member.body(env);
      // The kit goes on by itself, not within the process that ended.
      if (app.alive) target.clock.defer(member.end);
    });
  }

  #crash(member: Member, fault: Fault): void {
    const { target, recorder } = this.#context;
    recorder.note(member.name, { type: 'crash' });
    target.crashApp(member.name);
    member.isHolding = false;
    target.clock.setTimer(fault.durationMs ?? RESTART_MS_DEFAULT, () => {
      member.app = target.app(member.name);
      this.#live(member);
    });
  }
}
