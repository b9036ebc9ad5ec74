/**
 * Plans of this lab: a few records, each after a pause, and faults of brokers between them.
 *
 * Plain data. Step n is just before record n, and the last step, with everything that is due later, after the last record. A fault lasts for its duration, or until everything is healed at the end.
 */
import type { PlanOperation } from '@mqlab/reports/run-data.ts';
import fc from 'fast-check';
import type { NodeRef } from '../kit/node-faults.ts';
import { describeFault, type Fault, type FaultKind, faultsArbitrary } from '../kit/plan.ts';

export interface PlannedSend {
  /** Before the record is sent: time in which in-sync replicas change and leaders are elected. */
  readonly pauseMs: number;
}

export interface AcksPlan {
  readonly sends: readonly PlannedSend[];
  readonly faults: readonly Fault[];
}

/** Some faults of these kinds. */
export interface FaultGroup {
  readonly kinds: readonly FaultKind[];
  readonly nodes: readonly NodeRef[];
  /** Other ends of cut and slowed links. */
  readonly peers?: readonly NodeRef[];
  readonly countMin?: number;
  readonly countMax?: number;
  /** The steps that they are due at. */
  readonly stepMin?: number;
  readonly stepMax?: number;
  /** Not over before the others have gone on without. */
  readonly isLong?: boolean;
}

export interface PlanLimits {
  readonly groups: readonly FaultGroup[];
  readonly sendsMin?: number;
  readonly sendsMax?: number;
  readonly pausesMs?: readonly number[];
}

/** Longer than replica.lag.time.max.ms and than a broker's session: see `cluster.ts`. */
export const LONG_MS = 1500;
const SENDS_MAX = 4;
/** Over before anybody has noticed; not over before the others have gone on without. */
const DURATIONS_MS = [400, 3000] as const;
const LATENCIES_MS = [100, 400] as const;

export function planArbitrary(limits: PlanLimits): fc.Arbitrary<AcksPlan> {
  const { groups, sendsMin = 1, sendsMax = SENDS_MAX, pausesMs = [0, 20, LONG_MS] } = limits;
  const faults = fc
    .tuple(...groups.map((group) => groupArbitrary(group, sendsMax)))
    .map((lists) => lists.flatMap((list, at) => list.map((fault) => completed(fault, groups[at]!.isLong === true))));
  return fc.record({
    sends: fc.array(fc.record({ pauseMs: fc.constantFrom(...pausesMs) }), { minLength: sendsMin, maxLength: sendsMax }),
    faults,
  });
}

function groupArbitrary(group: FaultGroup, sendsMax: number): fc.Arbitrary<readonly Fault[]> {
  const { kinds, nodes, peers, countMin = 1, countMax = 1, stepMin = 0, stepMax = sendsMax } = group;
  return faultsArbitrary({
    kinds,
    stepMax: stepMax - stepMin,
    countMin,
    countMax,
    durationMsMax: DURATIONS_MS.length,
    cluster: { nodes, latencyMsMax: LATENCIES_MS.length, ...(peers === undefined ? {} : { peers }) },
  }).map((faults) => faults.map((fault) => ({ ...fault, at: { step: stepOf(fault, sendsMax) + stepMin } })));
}

/** Durations and latencies come as numbers of the few that make a difference: so shrinking is short. */
function completed(fault: Fault, isLong: boolean): Fault {
  const { durationMs, latencyMs } = fault;
  return {
    ...fault,
    ...(durationMs === undefined ? {} : { durationMs: DURATIONS_MS[isLong ? 1 : durationMs - 1]! }),
    ...(latencyMs === undefined ? {} : { latencyMs: LATENCIES_MS[latencyMs - 1]! }),
  };
}

export function describePlan({ sends, faults }: AcksPlan): readonly PlanOperation[] {
  const lines: PlanOperation[] = [];
  for (let step = 0; step <= sends.length; step++) {
    for (const fault of faults) {
      if (stepOf(fault, sends.length) !== step) continue;
      const { text } = describeFault(fault);
      lines.push({ kind: 'fault', text: text.replace(/^at step \d+: /, '') });
    }
    const send = sends[step];
    if (send === undefined) continue;
    const pause = send.pauseMs === 0 ? '' : ` after ${send.pauseMs} ms`;
    lines.push({ kind: 'operation', text: `p1 sends order v${step}${pause}` });
  }
  return lines;
}

/** What is due later than after the last record is due after it. */
function stepOf({ at }: Fault, last: number): number {
  return 'step' in at ? Math.min(at.step, last) : -1;
}

/** The faults, each at a step that comes. */
export function faultsOf({ sends, faults }: AcksPlan): readonly Fault[] {
  return faults.map((fault) => ({ ...fault, at: { step: stepOf(fault, sends.length) } }));
}
