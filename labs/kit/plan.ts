/**
 * Pieces of plans that labs share: faults as plain data, arbitraries that shrink towards few and early ones, the words for them, and the schedule
 * that fires them.
 *
 * Invariant: a plan is JSON. A fault fires at a step, counted as the scenario announces its steps (`before effect`, `after commit`…), or at a time on the target's
 * clock; every firing is recorded with whether something that it could harm was under way. A fault that never fired leaves no trace,
 * and EXERCISED sees that.
 */
import type { Timer } from '@mqlab/core/ports/clock.ts';
import type { PlanOperation } from '@mqlab/reports/run-data.ts';
import fc from 'fast-check';
import type { Operation, Recorder } from './history.ts';
import {
  hitText,
  isNodeFault,
  type NodeFaultLimits,
  type NodeFaultParts,
  NodeFaults,
  nodeFaultArbitrary,
  nodeFaultText,
  type WatchedPartition,
} from './node-faults.ts';
import type { Target } from './targets/target.ts';

export const FAULT_KINDS = [
  'crash-app',
  'stop-app',
  'pause-app',
  'cut-link',
  'drop-response',
  'kill-broker',
  'stop-broker',
  'pause-broker',
  'power-cut',
  'cut-nodes',
  'slow-link',
  'clock-skew',
  'fill-disk',
  'redeliver',
  'rebalance',
  'expire',
  'fail-work',
  'late-request',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export type FaultMoment = { readonly step: number } | { readonly ms: number };

/** With a `node` it is a fault of that node in a cluster: see `node-faults.ts`. */
export interface Fault extends NodeFaultParts {
  readonly kind: FaultKind;
  readonly at: FaultMoment;
  /** The application process that it hits, by name; broker faults have none. */
  readonly app?: string;
  /** How long it lasts; what a crash and a kill take to come back. */
  readonly durationMs?: number;
}

export interface FaultLimits {
  readonly kinds: readonly FaultKind[];
  readonly apps?: readonly string[];
  /** Highest step, or highest time, at which a fault fires. One of the two. */
  readonly stepMax?: number;
  readonly msMax?: number;
  readonly countMin?: number;
  readonly countMax: number;
  readonly durationMsMax?: number;
  /** Of a cluster: broker faults hit these nodes. Without it they hit the only broker. */
  readonly cluster?: NodeFaultLimits;
}

const BROKER_FAULTS: readonly FaultKind[] = ['kill-broker', 'pause-broker', 'power-cut', 'expire'];

/** Up to `countMax` faults in order of time. Shrinks to fewer, earlier, shorter ones of the first kind. */
export function faultsArbitrary(limits: FaultLimits): fc.Arbitrary<readonly Fault[]> {
  const { kinds, apps, stepMax, msMax, countMin, countMax, durationMsMax, cluster } = limits;
  const at: fc.Arbitrary<FaultMoment> =
    stepMax !== undefined ? fc.nat(stepMax).map((step) => ({ step })) : fc.nat(msMax ?? 1000).map((ms) => ({ ms }));
  const durationMs: fc.Arbitrary<number | undefined> =
    durationMsMax === undefined ? fc.constant(undefined) : fc.integer({ min: 1, max: durationMsMax });
  const ofOne = (some: readonly FaultKind[]): fc.Arbitrary<Fault> =>
    fc
      .record({
        kind: fc.constantFrom(...some),
        at,
        app: apps === undefined || apps.length === 0 ? fc.constant(undefined) : fc.constantFrom(...apps),
        durationMs,
      })
      .map(({ kind, at, app, durationMs }): Fault => {
        return {
          kind,
          at,
          ...(app === undefined || BROKER_FAULTS.includes(kind) ? {} : { app }),
          ...(durationMs === undefined ? {} : { durationMs }),
        };
      });
  const fault =
    cluster === undefined
      ? ofOne(kinds)
      : fc.oneof(
          { withCrossShrink: true },
          ...kinds.map((kind) =>
            isNodeFault(kind) ? nodeFaultArbitrary(kind, at, durationMs, cluster) : ofOne([kind]),
          ),
        );
  return fc
    .array(fault, { minLength: countMin ?? 0, maxLength: countMax })
    .map((faults) => faults.toSorted((a, b) => momentOf(a) - momentOf(b)));
}

function momentOf(fault: Fault): number {
  return 'step' in fault.at ? fault.at.step : fault.at.ms;
}

/** Records to send: each takes its key from a small set, so that keys meet. Shrinks to fewer records of the first key. */
export interface PlannedRecord {
  /** Number of the key among the plan's keys. */
  readonly key: number;
}

export function recordsArbitrary(
  countMax: number,
  keysMax: number,
  countMin = 1,
): fc.Arbitrary<readonly PlannedRecord[]> {
  return fc.array(fc.record({ key: fc.nat(keysMax - 1) }), { minLength: countMin, maxLength: countMax });
}

const FAULT_WORDS: Readonly<Record<FaultKind, string>> = {
  'crash-app': 'crash',
  'stop-app': 'ask to end',
  'pause-app': 'pause',
  'cut-link': 'cut the link of',
  'drop-response': 'drop the next answer to',
  'kill-broker': 'kill the broker',
  'stop-broker': 'shut the broker down',
  'pause-broker': 'stop the broker',
  'power-cut': 'cut the power of the broker',
  'cut-nodes': 'cut links between nodes',
  'slow-link': 'slow links between nodes',
  'clock-skew': 'set the clock of the broker',
  'fill-disk': 'fill the disk of the broker',
  redeliver: 'deliver again to',
  rebalance: 'rebalance at',
  expire: 'retention deletes',
  'fail-work': 'the work fails at',
  'late-request': 'an old request of its own arrives late, of',
};

export function describeFault(fault: Fault): PlanOperation {
  const at = 'step' in fault.at ? `at step ${fault.at.step}` : `at ${fault.at.ms} ms`;
  const app = fault.app === undefined ? '' : ` ${fault.app}`;
  const lasts = fault.durationMs === undefined ? '' : ` for ${fault.durationMs} ms`;
  const { node } = fault;
  const what =
    node !== undefined && isNodeFault(fault.kind) ? nodeFaultText({ ...fault, node }) : FAULT_WORDS[fault.kind];
  return { kind: 'fault', text: `${at}: ${what}${app}${lasts}` };
}

export function describeRecords(records: readonly PlannedRecord[], process = 'p1'): PlanOperation[] {
  return records.map(({ key }, at) => ({ kind: 'operation', text: `${process} sends v${at} with key k${key}` }));
}

export interface FaultHooks {
  /** What a fault does, where the kit's default (the target's) is not it: `redeliver`, `rebalance`, `expire`, `fail-work`, `late-request`, restarts after a crash. */
  readonly on?: Partial<Readonly<Record<FaultKind, (fault: Fault) => void | Promise<void>>>>;
  /** Whether an operation under way is one that this fault could harm. Default: any of the same process, or any at all for the broker's. */
  readonly harms?: (fault: Fault, operation: Operation) => boolean;
  /** Whether the application holds something between operations (a record fetched and not committed). */
  readonly holds?: (fault: Fault) => boolean;
  /** Whose leader and followers faults of nodes hit. */
  readonly partition?: WatchedPartition;
}

/** Fires a plan's faults during one run. */
export class FaultSchedule {
  readonly #target: Target;
  readonly #recorder: Recorder;
  readonly #hooks: FaultHooks;
  readonly #nodeFaults: NodeFaults;
  readonly #atStep = new Map<number, Fault[]>();
  readonly #timers: Timer[] = [];
  readonly #pending = new Set<Promise<void>>();
  #steps = 0;
  #stopped = false;

  constructor(faults: readonly Fault[], target: Target, recorder: Recorder, hooks: FaultHooks = {}) {
    this.#target = target;
    this.#recorder = recorder;
    this.#hooks = hooks;
    this.#nodeFaults = new NodeFaults(target, hooks.partition);
    for (const fault of faults) {
      if ('ms' in fault.at) {
        this.#timers.push(target.clock.setTimer(fault.at.ms, () => this.#fireInBackground(fault)));
        continue;
      }
      const known = this.#atStep.get(fault.at.step);
      if (known === undefined) this.#atStep.set(fault.at.step, [fault]);
      else known.push(fault);
    }
  }

  /** Steps announced so far. */
  get steps(): number {
    return this.#steps;
  }

  /** The scenario reached a point between two actions: faults due here fire, and have fired when this resolves. */
  async step(): Promise<void> {
    const due = this.#atStep.get(this.#steps++);
    if (this.#stopped || due === undefined) return;
    for (const fault of due) await this.#fire(fault);
  }

  /** No fault fires from here on; resolves when those under way are done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) timer.cancel();
    await Promise.all(this.#pending);
    this.#nodeFaults.stop();
  }

  #fireInBackground(fault: Fault): void {
    if (this.#stopped) return;
    const fired = this.#fire(fault).finally(() => this.#pending.delete(fired));
    this.#pending.add(fired);
  }

  async #fire(fault: Fault): Promise<void> {
    const hit = fault.node !== undefined && isNodeFault(fault.kind) ? await this.#nodeFaults.resolve(fault) : undefined;
    // Asking takes time: meanwhile the schedule may have stopped.
    if (hit === null || (hit !== undefined && this.#stopped)) return;
    const harms =
      this.#hooks.harms ??
      ((hit: Fault, operation: Operation) => hit.app === undefined || operation.process.split('/')[0] === hit.app);
    const inFlight =
      this.#recorder.inFlight((operation) => harms(fault, operation)) || (this.#hooks.holds?.(fault) ?? false);
    const detail =
      hit !== undefined ? { detail: hitText(fault.kind, hit) } : fault.app === undefined ? {} : { detail: fault.app };
    const role = hit !== undefined && typeof fault.node === 'string' ? { role: fault.node } : {};
    this.#recorder.note('kit', { type: 'fault', kind: fault.kind, ...detail, ...role, inFlight });
    const own = this.#hooks.on?.[fault.kind];
    if (own !== undefined) await own(fault);
    else if (hit !== undefined) await this.#nodeFaults.apply(fault, hit);
    else await applyFault(fault, this.#target, this.#recorder);
  }
}

/** What a fault does by default. Ends what has a duration by itself; a killed broker is started again after it. */
async function applyFault(fault: Fault, target: Target, recorder: Recorder): Promise<void> {
  const { kind, durationMs = 100 } = fault;
  const app = (): string => {
    if (fault.app === undefined) throw new Error(`fault ${kind} names no application process`);
    return fault.app;
  };
  const later = (end: () => void): void => {
    target.clock.setTimer(durationMs, end);
  };
  switch (kind) {
    case 'crash-app':
      recorder.note(app(), { type: 'crash' });
      target.crashApp(app());
      return;
    case 'pause-app':
      target.pauseApp(app());
      later(() => target.resumeApp(app()));
      return;
    case 'cut-link':
      target.cutLink(app());
      later(() => target.healLink(app()));
      return;
    case 'drop-response':
      target.dropNextResponse(app());
      return;
    case 'kill-broker':
      await target.killBroker();
      await target.startBroker();
      return;
    case 'power-cut':
      await target.powerCutBroker();
      await target.startBroker();
      return;
    case 'pause-broker':
      await target.pauseBroker();
      later(() => void target.resumeBroker());
      return;
    case 'stop-broker':
      await target.stopBroker();
      await target.startBroker();
      return;
    case 'cut-nodes':
    case 'slow-link':
    case 'clock-skew':
    case 'fill-disk':
      throw new Error(`fault ${kind} names no node`);
    case 'stop-app':
    case 'redeliver':
    case 'rebalance':
    case 'expire':
    case 'fail-work':
    case 'late-request':
      throw new Error(`fault ${kind} is the lab's own: give a hook for it`);
  }
}
