/**
 * A finding told: at most five lines, and the events of its timeline, from the operations that are its evidence.
 *
 * Invariant: everything told stands in the history. Pure functions; how it is drawn is the reports' affair.
 */
import type { TimelineEvent } from '@mqlab/reports/chart-spec.ts';
import type { HistoryExcerpt } from '@mqlab/reports/run-data.ts';
import type { Finding } from './checkers/finding.ts';
import { type CompleteCall, callsOf } from './checkers/index-history.ts';
import type { History, OperationData, SeenRecord } from './history.ts';

const STORY_LINES_MAX = 5;
const EVENTS_MAX = 60;
const EXCERPT_OPERATIONS_MAX = 60;

/** An operation in a few words. */
export function operationText(data: OperationData): string {
  switch (data.type) {
    case 'send': {
      const place = data.offset === undefined ? data.topic : `${data.topic}-${data.partition}@${data.offset}`;
      return `send ${data.value}${data.key === null ? '' : ` (${data.key})`} → ${place}`;
    }
    case 'poll':
      return `poll ${recordsText(data.records)}`;
    case 'final-read':
      return `read ${data.topic}-${data.partition}: ${recordsText(data.records)}`;
    case 'effect':
      return `effect ${data.value}${data.key === null ? '' : ` (${data.key})`}`;
    case 'effects-read':
      return `store: ${data.counts
        .map(([value, count]) => `${value}×${count}`)
        .slice(0, 6)
        .join(' ')}`;
    case 'commit':
      return `commit ${data.offset}`;
    case 'assign':
    case 'revoke':
      return `${data.type} ${data.partitions.map((at) => `${at.topic}-${at.partition}`).join(' ')} (generation ${data.generation})`;
    case 'seek':
      return `seek ${data.topic}-${data.partition} to ${data.offset}`;
    case 'transaction':
      return `${data.action} ${data.transaction}`;
    case 'fault':
      return data.detail === undefined ? data.kind : `${data.kind} ${data.detail}`;
    case 'reach':
      return data.goal;
    case 'expire':
      return `log start of ${data.topic}-${data.partition} → ${data.logStartOffset}`;
    case 'alarm':
      return `alarm: ${data.topic}-${data.partition} lost ${data.from}…${data.to - 1} unread`;
    case 'dead-letter':
      return `put ${data.value} aside`;
    case 'store':
      return data.text;
    case 'invariant':
      return data.name;
    case 'crash':
    case 'heal':
    case 'drained':
      return data.type;
  }
}

function recordsText(records: readonly SeenRecord[]): string {
  if (records.length === 0) return 'nothing';
  const shown = records.slice(0, 6).map((record) => `${record.value}@${record.offset}`);
  return shown.join(' ') + (records.length > 6 ? ` and ${records.length - 6} more` : '');
}

const IS_MISSING: ReadonlySet<string> = new Set(['EFFECT-LOSS', 'CONSERVATION', 'LOST-WRITE', 'UNSEEN']);

/** Calls that belong to a finding: its evidence, what else happened to its values, and the faults between. */
function tellingCalls(history: History, finding: Finding): CompleteCall[] {
  const evidence = new Set(finding.operations);
  const values = new Set(finding.values);
  // What is missing at the end is told to the end: the fault that made it so may come after the evidence.
  const last = IS_MISSING.has(finding.name) ? Number.POSITIVE_INFINITY : Math.max(0, ...finding.operations);
  return callsOf(history.operations).filter((call) => {
    const { data } = call;
    if (evidence.has(call.start) || (call.end !== null && evidence.has(call.end))) return true;
    if (data.type === 'fault' || data.type === 'crash') return call.start <= last;
    if (data.type === 'send' || data.type === 'effect' || data.type === 'dead-letter') return values.has(data.value);
    if (data.type === 'store') return data.value !== undefined && values.has(data.value) && call.start <= last;
    return false;
  });
}

/** Five lines at most, the last of them what the checker says. */
export function storyOf(history: History, finding: Finding): string[] {
  const calls = tellingCalls(history, finding).filter((call) => call.data.type !== 'crash');
  const room = STORY_LINES_MAX - 1;
  // Evidence comes before company when there is no room for both.
  const evidence = new Set(finding.operations);
  const isEvidence = (call: CompleteCall): boolean => evidence.has(call.start) || evidence.has(call.end ?? -1);
  const ranked = calls.toSorted((a, b) => rank(a, isEvidence(a)) - rank(b, isEvidence(b)) || a.start - b.start);
  const chosen = ranked.slice(0, room).sort((a, b) => (a.end ?? a.start) - (b.end ?? b.start));
  const lines = chosen.map((call) => {
    const outcome = call.outcome === 'ok' ? '' : call.outcome === 'fail' ? ': refused' : ': outcome unknown';
    return `${call.data.type === 'fault' ? 'fault' : call.process}: ${operationText(call.data)}${outcome}`;
  });
  return [...lines, finding.story];
}

function rank(call: CompleteCall, isEvidence: boolean): number {
  if (call.data.type === 'fault') return 0;
  return isEvidence ? 1 : 2;
}

function eventKind(call: CompleteCall): TimelineEvent['kind'] {
  switch (call.data.type) {
    case 'fault':
      return 'fault';
    case 'crash':
      return 'crash';
    case 'heal':
      return 'heal';
    case 'commit':
      return call.outcome === 'ok' ? 'commit' : call.outcome;
    case 'effect':
      return call.outcome === 'ok' ? 'effect' : call.outcome;
    default:
      return call.outcome;
  }
}

/** Swim lanes around a finding; a small history whole. The finding itself is the last event. */
export function timelineOf(history: History, finding: Finding): { processes: string[]; events: TimelineEvent[] } {
  const all = callsOf(history.operations).filter(
    (call) => call.data.type !== 'reach' && !(call.data.type === 'poll' && call.data.records.length === 0),
  );
  const calls = (all.length <= EVENTS_MAX ? all : tellingCalls(history, finding)).slice(0, EVENTS_MAX);
  const events: TimelineEvent[] = calls.map((call) => {
    const timeMs = history.operations[call.start]!.time;
    return {
      process: call.process,
      timeMs,
      ...(call.time > timeMs ? { untilMs: call.time } : {}),
      kind: eventKind(call),
      label: operationText(call.data),
    };
  });
  const at = history.operations[finding.operations.at(-1) ?? history.operations.length - 1];
  if (at !== undefined) {
    events.push({ process: at.process, timeMs: at.time, kind: 'violation', label: finding.name });
  }
  const processes = [...new Set(events.map((event) => event.process))].sort(byRole);
  return { processes, events };
}

/** Producers, then consumers and their workers, then the kit. */
function byRole(a: string, b: string): number {
  const role = (name: string): number => (name.startsWith('p') ? 0 : name === 'kit' ? 2 : 1);
  return role(a) - role(b) || (a < b ? -1 : a > b ? 1 : 0);
}

/** The beginning of a history for a report's appendix. */
export function excerptOf(history: History, note: string): HistoryExcerpt {
  return {
    note,
    total: history.operations.length,
    operations: history.operations.slice(0, EXCERPT_OPERATIONS_MAX).map((operation) => ({
      process: operation.process,
      type: operation.phase,
      timeMs: operation.time,
      operation: operation.data.type,
      value: operationText(operation.data),
    })),
  };
}
