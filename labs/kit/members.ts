/**
 * Application processes that go through their work step by step, so that faults strike between any two steps: crashed and started again, made to stand
 * still while another takes over.
 *
 * Invariant: a fault's steps count over all lives of the process that it names. Code of an ended life never goes on: what it waits for never settles. A process that
 * ends by itself (`Exit`) is started again like one that crashed. Left to labs: what the application is, and their own faults (`on`).
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { RunContext } from './lab.ts';
import { type Fault, type FaultKind, FaultSchedule } from './plan.ts';
import type { AppProcess } from './targets/target.ts';

/** What an application throws when it cannot go on: its process ends, and a supervisor starts it again. */
export class Exit extends Error {}

/** One life of an application process. */
export interface Life {
  readonly name: string;
  readonly app: AppProcess;
  /** In a request or with records in hand; false while it waits for records. */
  isBusy: boolean;
  /** The transaction that is open, by the history's name. */
  transaction: string | null;
  /** Set by a fault of the lab's own: the next request that may fail throws it instead of leaving. */
  failure: Error | null;
  /** Polls that this life has finished. */
  rounds: number;
  /** A point between two steps: faults due here strike. Does not return to a life that ended. */
  step(): Promise<void>;
  /** Does not return to a life that ended: for waits that are no steps. */
  goOn(): Promise<void>;
  /** A request: faults strike before it leaves, and while it is on its way. `mayFail`: the work before it may fail instead. */
  request<T>(perform: () => Promise<T>, mayFail?: boolean): Promise<T>;
}

export interface MemberSettings {
  readonly names: readonly string[];
  readonly faults: readonly Fault[];
  /** The application: rejects with `Exit` where it gives up. */
  readonly main: (life: Life) => Promise<void>;
  /** How long a request is on its way when a fault strikes it there. */
  readonly inFlightMs: number;
  /** Durations of the plan are made for the simulator's sessions: this much longer here. */
  readonly slower: number;
  /** Started when the one that it names stands still. */
  readonly standbyOf?: (name: string) => string | null;
  /** The lab's own faults. */
  readonly on?: Partial<Readonly<Record<FaultKind, (life: Life, fault: Fault) => void | Promise<void>>>>;
  /** Whether a life has something that a fault can harm. Default: it is busy. */
  readonly holds?: (life: Life, fault: Fault) => boolean;
  /** A life ended, by a crash or by itself. */
  readonly ended?: (life: Life) => void;
}

const RESTART_MS = 5;
const LOOK_MS = 25;

export class Members {
  readonly #context: RunContext;
  readonly #settings: MemberSettings;
  readonly #members = new Map<string, Member>();
  #comings = 0;
  #isOver = false;

  constructor(context: RunContext, settings: MemberSettings) {
    this.#context = context;
    this.#settings = settings;
    for (const name of settings.names) this.#members.set(name, this.#newMember(name));
  }

  start(name: string): void {
    const member = this.#of(name);
    const app = this.#context.target.app(name);
    const life: Life = {
      name,
      app,
      isBusy: false,
      transaction: null,
      failure: null,
      rounds: 0,
      step: () => member.step(life),
      goOn: () => (member.life === life ? Promise.resolve() : new Promise(() => {})),
      request: async (perform, mayFail = false) => {
        await member.step(life);
        const { failure } = life;
        if (mayFail && failure !== null) {
          life.failure = null;
          throw failure;
        }
        const answer = perform();
        // Nobody looks at it when a fault strikes here.
        answer.catch(() => {});
        await sleep(this.#context.target.clock, this.#settings.inFlightMs);
        await member.step(life);
        return answer;
      },
    };
    member.life = life;
    app.spawn(async () => {
      try {
        await this.#settings.main(life);
      } catch (error) {
        if (!(error instanceof Exit)) throw error;
        this.#end(member, life, RESTART_MS);
      }
    });
  }

  /** Nobody is about to start, stands still, or is at work. */
  get isQuiet(): boolean {
    return (
      this.#comings === 0 &&
      [...this.#members.values()].every(({ life, isPaused }) => !isPaused && (life === null || !life.isBusy))
    );
  }

  /** Waits until nobody works and `isDone` says so; false when the time is over. */
  async until(isDone: () => boolean | Promise<boolean>, msMax: number): Promise<boolean> {
    const { clock } = this.#context.target;
    const deadline = clock.monotonic() + msMax;
    for (;;) {
      if (this.isQuiet && (await isDone())) return true;
      if (clock.monotonic() > deadline) return false;
      await sleep(clock, LOOK_MS);
    }
  }

  /** No fault strikes from here on. */
  async stopFaults(): Promise<void> {
    for (const { schedule } of this.#members.values()) await schedule.stop();
  }

  /** The applications have done their part: what they would do from here on is not of this run. */
  end(): void {
    this.#isOver = true;
    for (const member of this.#members.values()) {
      const { life } = member;
      if (life === null) continue;
      member.life = null;
      this.#kill(life);
    }
  }

  #kill(life: Life): void {
    // Where nothing can be killed, its code ends at its next step or poll.
    if (this.#context.target.can('crash-app')) this.#context.target.crashApp(life.name);
    this.#settings.ended?.(life);
  }

  #of(name: string): Member {
    const member = this.#members.get(name);
    if (member === undefined) throw new Error(`no application process ${name}`);
    return member;
  }

  #newMember(name: string): Member {
    const { target, recorder } = this.#context;
    const { faults, on = {}, holds } = this.#settings;
    const lifeOf = (): Life | null => this.#of(name).life;
    const own = Object.entries(on).map(([kind, apply]) => [
      kind,
      (fault: Fault) => {
        const life = lifeOf();
        return life === null ? undefined : apply(life, fault);
      },
    ]);
    const schedule = new FaultSchedule(
      faults.filter(({ app }) => app === name),
      target,
      recorder,
      {
        harms: () => false,
        holds: (fault) => {
          const life = lifeOf();
          return life !== null && (holds?.(life, fault) ?? life.isBusy);
        },
        on: {
          'crash-app': (fault) => this.#crash(this.#of(name), fault),
          'pause-app': (fault) => this.#pause(this.#of(name), fault),
          ...(Object.fromEntries(own) as object),
        },
      },
    );
    return new Member(schedule);
  }

  /** kill −9, and a supervisor that starts it again after a while. */
  #crash(member: Member, fault: Fault): void {
    // Two faults of one step: the second finds it down.
    if (member.life !== null) this.#end(member, member.life, (fault.durationMs ?? 1) * this.#settings.slower);
  }

  #end(member: Member, life: Life, restartMs: number): void {
    if (member.life !== life) return;
    this.#context.recorder.note(life.name, { type: 'crash' });
    member.life = null;
    this.#kill(life);
    this.#startLater(life.name, restartMs);
  }

  #startLater(name: string, ms: number): void {
    this.#comings++;
    this.#context.target.clock.setTimer(ms, () => {
      this.#comings--;
      if (!this.#isOver && this.#of(name).life === null) this.start(name);
    });
  }

  /** It stands still: a long collection, a stopped virtual machine. A supervisor that sees it starts another one at once. */
  #pause(member: Member, fault: Fault): void {
    const { target } = this.#context;
    const { life } = member;
    if (life === null || member.isPaused) return;
    member.isPaused = true;
    const isReal = target.can('pause-app');
    if (isReal) target.pauseApp(life.name);
    else {
      // The target cannot stop a process: its link to the broker is cut, and its steps wait.
      member.closeGate();
      target.cutLink(life.name);
    }
    target.clock.setTimer((fault.durationMs ?? 1) * this.#settings.slower, () => {
      member.isPaused = false;
      if (isReal) target.resumeApp(life.name);
      else {
        target.healLink(life.name);
        member.openGate();
      }
    });
    const standby = this.#settings.standbyOf?.(life.name) ?? null;
    if (standby !== null && this.#of(standby).life === null) this.#startLater(standby, 0);
  }
}

class Member {
  readonly schedule: FaultSchedule;
  life: Life | null = null;
  isPaused = false;
  #gate: Promise<void> = Promise.resolve();
  openGate: () => void = () => {};

  constructor(schedule: FaultSchedule) {
    this.schedule = schedule;
  }

  closeGate(): void {
    this.#gate = new Promise((open) => {
      this.openGate = open;
    });
  }

  async step(life: Life): Promise<void> {
    await this.schedule.step();
    if (this.life !== life || !life.app.alive) return new Promise(() => {});
    if (this.isPaused) await this.#whenItGoesOn(life);
  }

  /** By the process's own clock, which stops with it. */
  #whenItGoesOn(life: Life): Promise<void> {
    return new Promise((resolve) => {
      life.app.ports.clock.setTimer(0, () => {
        void this.#gate.then(() => {
          if (this.life === life && life.app.alive) resolve();
        });
      });
    });
  }
}
