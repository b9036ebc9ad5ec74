import type { Clock, Timer } from '../ports/clock.ts';
import type { ControllerSettings } from './controller-settings.ts';

/**
 * When the active controller acts by itself: it looks for silent brokers, for leaders that are not the preferred ones, for partitions that an unclean election may
 * help, and writes NoOp records while nothing else is written.
 *
 * Invariant: no timer outlives `stop`; a task is due again only once its last run is over.
 */
export interface TaskActions {
  /** When the next session will be over, on the monotonic clock. */
  nextExpiryMs(): number;
  /** Nobody was heard because this controller stood still: all begin anew. */
  renewSessions(): void;
  /** Never rejects, like the others. */
  fenceSilentBrokers(): Promise<void>;
  balanceLeaders(): Promise<void>;
  electUncleanLeaders(): Promise<void>;
  writeNoOp(): Promise<void>;
}

/** Sessions are looked at that many times in the time that one lasts, so that a pause of the controller shows. */
const CHECKS_PER_SESSION = 4;
/** Between two looks, also when the one before could not fence whom it found. */
const CHECK_INTERVAL_MS_MIN = 10;

export class ControllerTasks {
  private readonly clock: Clock;
  private readonly settings: ControllerSettings;
  private readonly actions: TaskActions;
  private readonly timers = new Set<Timer>();
  /** Rises with every start and stop, so that a task of a former term does not go on. */
  private term = 0;
  private lastAppendMs = 0;

  constructor(clock: Clock, settings: ControllerSettings, actions: TaskActions) {
    this.clock = clock;
    this.settings = settings;
    this.actions = actions;
  }

  start(): void {
    const { settings, actions } = this;
    this.stop();
    this.lastAppendMs = this.clock.monotonic();
    this.watchSessions();
    this.repeat(settings.leaderImbalanceCheckIntervalMs, () => actions.balanceLeaders());
    this.repeat(settings.uncleanLeaderElectionIntervalMs, () => actions.electUncleanLeaders());
    this.watchIdleness();
  }

  stop(): void {
    this.term++;
    for (const timer of this.timers) timer.cancel();
    this.timers.clear();
  }

  appended(): void {
    this.lastAppendMs = this.clock.monotonic();
  }

  private watchSessions(): void {
    const checkMs = this.settings.brokerSessionTimeoutMs / CHECKS_PER_SESSION;
    if (checkMs === Number.POSITIVE_INFINITY) return;
    const nowMs = this.clock.monotonic();
    const delayMs = Math.max(CHECK_INTERVAL_MS_MIN, Math.min(checkMs, this.actions.nextExpiryMs() - nowMs));
    const dueMs = nowMs + delayMs;
    this.after(delayMs, async () => {
      if (this.clock.monotonic() - dueMs >= checkMs) this.actions.renewSessions();
      else await this.actions.fenceSilentBrokers();
      return () => this.watchSessions();
    });
  }

  private watchIdleness(): void {
    const idleMs = this.settings.metadataMaxIdleIntervalMs;
    if (idleMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.max(0, this.lastAppendMs + idleMs - this.clock.monotonic());
    this.after(delayMs, async () => {
      if (this.clock.monotonic() >= this.lastAppendMs + idleMs) {
        await this.actions.writeNoOp();
        // Also when it could not be written: the next try is not at once.
        this.appended();
      }
      return () => this.watchIdleness();
    });
  }

  private repeat(intervalMs: number, run: () => Promise<void>): void {
    if (intervalMs === Number.POSITIVE_INFINITY) return;
    this.after(intervalMs, async () => {
      await run();
      return () => this.repeat(intervalMs, run);
    });
  }

  /** `run` gives what comes after it, unless the controller is not active any more. */
  private after(delayMs: number, run: () => Promise<() => void>): void {
    const { term } = this;
    const timer = this.clock.setTimer(delayMs, () => {
      this.timers.delete(timer);
      void run().then((next) => {
        if (this.term === term) next();
      });
    });
    this.timers.add(timer);
  }
}
