/**
 * The scenarios: what is believed of a compacted topic and of retention, and what they promise.
 *
 * Invariant: each pair runs the same plans; broken is the belief, not the broker.
 */
import type { Check } from '../kit/checkers/check.ts';
import type { Scenario, Variant } from '../kit/lab.ts';
import type { TargetKind } from '../kit/targets/target.ts';
import { everyChange, goneAfter, keptFor, lastValues } from './checks.ts';
import { describePlan, type PlanLimits, planArbitrary, type StoragePlan } from './plan.ts';
import { runStorage } from './run.ts';

export const RETENTION_MS = 500;
const CHECK_MS = 50;
const SEGMENT_MS = 100;
export const BROKER_SETTINGS: Readonly<Record<string, string>> = {
  'log.retention.check.interval.ms': String(CHECK_MS),
  'log.cleaner.backoff.ms': '50',
};
const COMPACTED = {
  'cleanup.policy': 'compact',
  'segment.ms': '20',
  'min.cleanable.dirty.ratio': '0.01',
  'delete.retention.ms': '200',
} as const;
const RETAINED = { 'retention.ms': String(RETENTION_MS) } as const;
/** From a write to its segment's end, to the next check, and the clocks between. */
const SLACK_MS = SEGMENT_MS + 2 * CHECK_MS;

const WRITES: PlanLimits = { writesMax: 7, deletes: true, gapMsMax: 80, waitMs: { min: 0, max: 900 } };
const TIMES: PlanLimits = { writesMax: 6, gapMsMax: 350, waitMs: { min: 0, max: 700 } };

export interface Parts {
  readonly id: string;
  readonly title: string;
  readonly claim: string;
  readonly check: readonly Check[];
  readonly limits: PlanLimits;
  readonly configs: Readonly<Record<string, string>>;
  readonly exercised: readonly string[];
  readonly targets?: readonly TargetKind[];
  readonly fixes?: string;
  readonly witnessTitle?: string;
}

export function scenarioOf(parts: Parts, variant: Variant): Scenario<StoragePlan> {
  const {
    id,
    title,
    claim,
    check,
    limits,
    configs,
    exercised,
    targets = ['sim', 'local'],
    fixes,
    witnessTitle,
  } = parts;
  return {
    id,
    title,
    claims: [claim],
    variant,
    targets,
    clients: ['mqlab'],
    expected: variant === 'before' ? 'violated' : 'holds',
    plan: planArbitrary(limits),
    describe: describePlan,
    checks: check,
    exercised,
    broker: BROKER_SETTINGS,
    runs: { quick: { sim: 250, local: variant === 'before' ? 4 : 2 } },
    ...(fixes === undefined ? {} : { fixes }),
    ...(witnessTitle === undefined ? {} : { witnessTitle }),
    run: (plan, context) => runStorage(plan, context, configs),
  };
}

export const AS_LOG: Parts = {
  id: 'as-log',
  title: 'a compacted topic read as a log: every change is there',
  claim: 'C54',
  check: [everyChange],
  limits: WRITES,
  configs: COMPACTED,
  exercised: ['compacted'],
  witnessTitle: 'Two changes were written; a reader who comes later sees one',
};
export const AS_TABLE: Parts = {
  id: 'as-table',
  title: 'a compacted topic read as a table: the last value of each key',
  claim: 'C54',
  check: [lastValues],
  limits: WRITES,
  configs: COMPACTED,
  exercised: ['compacted', 'deleted'],
  fixes: 'as-log',
};
export const GONE_IN_TIME: Parts = {
  id: 'gone-in-time',
  title: 'retention.ms alone: older records are gone',
  claim: 'C53',
  check: [goneAfter(RETENTION_MS, SLACK_MS)],
  limits: TIMES,
  configs: RETAINED,
  exercised: [],
  witnessTitle: 'Older than retention and still there: a younger one shares its segment',
};
export const SMALL_SEGMENTS: Parts = {
  id: 'small-segments',
  title: 'retention.ms and segment.ms: gone within their sum, and not before retention.ms',
  claim: 'C53',
  check: [goneAfter(RETENTION_MS, SLACK_MS), keptFor(RETENTION_MS)],
  limits: TIMES,
  configs: { ...RETAINED, 'segment.ms': String(SEGMENT_MS) },
  exercised: ['expired'],
  // A bound in time holds in virtual time; on a busy machine nobody keeps it.
  targets: ['sim'],
  fixes: 'gone-in-time',
};

export const SCENARIOS: readonly Scenario<StoragePlan>[] = [
  scenarioOf(AS_LOG, 'before'),
  scenarioOf(GONE_IN_TIME, 'before'),
  scenarioOf(AS_TABLE, 'after'),
  scenarioOf(SMALL_SEGMENTS, 'after'),
];
