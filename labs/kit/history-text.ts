/**
 * A history as text: one JSON object a line, and the hash of that text.
 *
 * Invariant: byte-stable. The keys of an operation come in one fixed order and those of its data sorted by code unit, absent fields are left out, numbers are
 * written as JavaScript writes them. Two runs are the same run if and only if their hashes are equal.
 */
import { createHash } from 'node:crypto';
import type { History, Operation, Phase } from './history.ts';

const FORMAT = 1;
const PHASES: readonly string[] = ['invoke', 'ok', 'fail', 'info'];
/** Text is hashed in pieces of this many operations, so that a long history is never one string. */
const HASH_OPERATIONS = 1024;

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (value === null || typeof value !== 'object') return value;
  const from = value as Record<string, unknown>;
  const to: Record<string, unknown> = {};
  for (const key of Object.keys(from).sort()) if (from[key] !== undefined) to[key] = canonical(from[key]);
  return to;
}

/** JSON with sorted keys and without absent fields: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(canonical(value));
}

function lineOf(operation: Operation): string {
  const { index, time, process, phase, invoked, error, data } = operation;
  return `${JSON.stringify({ index, time, process, phase, invoked, error, data: canonical(data) })}\n`;
}

function* textParts(history: History): Generator<string> {
  yield `${JSON.stringify({ history: FORMAT, operations: history.operations.length, overflowed: history.overflowed })}\n`;
  for (let at = 0; at < history.operations.length; at += HASH_OPERATIONS) {
    yield history.operations
      .slice(at, at + HASH_OPERATIONS)
      .map(lineOf)
      .join('');
  }
}

export function historyText(history: History): string {
  return [...textParts(history)].join('');
}

/** sha256 of the text, in hex. */
export function historyHash(history: History): string {
  const hash = createHash('sha256');
  for (const part of textParts(history)) hash.update(part);
  return hash.digest('hex');
}

/** Reads what `historyText` wrote. Throws with the line's number when a line is not an operation. */
export function parseHistory(text: string): History {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const parsed = lines.map((line, at) => {
    try {
      return JSON.parse(line) as Record<string, unknown>;
    } catch {
      throw new Error(`history line ${at + 1}: not JSON`);
    }
  });
  const [head, ...rest] = parsed;
  if (head?.history !== FORMAT) throw new Error('history line 1: not a history');
  const operations = rest.map((line, at) => {
    if (line.index !== at || !PHASES.includes(line.phase as Phase) || typeof line.data !== 'object') {
      throw new Error(`history line ${at + 2}: not an operation`);
    }
    return line as unknown as Operation;
  });
  return { operations, overflowed: head.overflowed === true };
}
