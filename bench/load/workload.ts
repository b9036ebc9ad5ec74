/**
 * A workload as data: what is sent, how, and for how long. Files in `workloads/` hold one each; a sweep changes single properties of one.
 *
 * Invariant: a parsed workload is complete and within limits; an unknown or wrong property is refused by name.
 */
import { readFileSync } from 'node:fs';

export const ACKS = ['0', '1', 'all'] as const;
export const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

export interface Workload {
  readonly name: string;
  /** Of the value; `real`: each record as it comes. */
  readonly recordBytes: number | 'real';
  readonly partitions: number;
  /** A broker alone has 1. */
  readonly replicationFactor: number;
  /** Threads, each with a client of its own. */
  readonly producers: number;
  /** Threads that read along and take the time from due to received. */
  readonly consumers: number;
  readonly acks: (typeof ACKS)[number];
  readonly compression: (typeof COMPRESSIONS)[number];
  readonly lingerMs: number;
  readonly batchBytes: number;
  /** Of all producers together, in bytes of values; `max`: as fast as answers come. */
  readonly recordsPerSecond: number | 'max';
  /** Sent and not answered, of all producers together, in bytes of values. */
  readonly outstandingBytesMax: number;
  readonly warmupMs: number;
  readonly measureMs: number;
  /** After the window: how long to wait for what is still open. */
  readonly drainMsMax: number;
}

export class WorkloadError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'WorkloadError';
  }
}

type Check = { readonly allowed: string; readonly holds: (value: unknown) => boolean };

function whole(min: number, max: number): Check {
  return {
    allowed: `a whole number from ${min} to ${max}`,
    holds: (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
  };
}

function wholeOr(word: string, min: number, max: number): Check {
  const number = whole(min, max);
  return { allowed: `${number.allowed}, or "${word}"`, holds: (value) => value === word || number.holds(value) };
}

function among(values: readonly string[]): Check {
  return { allowed: values.join(', '), holds: (value) => values.includes(value as string) };
}

const PROPERTIES: Readonly<Record<keyof Workload, Check>> = {
  name: { allowed: 'a name', holds: (value) => typeof value === 'string' && value !== '' },
  recordBytes: wholeOr('real', 1, 1_000_000),
  partitions: whole(1, 10_000),
  replicationFactor: whole(1, 100),
  producers: whole(1, 64),
  consumers: whole(0, 64),
  acks: among(ACKS),
  compression: among(COMPRESSIONS),
  lingerMs: whole(0, 10_000),
  batchBytes: whole(1, 1_000_000),
  recordsPerSecond: wholeOr('max', 1, 100_000_000),
  outstandingBytesMax: whole(1, 1_000_000_000),
  warmupMs: whole(0, 600_000),
  measureMs: whole(1, 3_600_000),
  drainMsMax: whole(0, 600_000),
};

export function parseWorkload(value: unknown, origin: string): Workload {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new WorkloadError(`${origin}: a workload is an object`);
  const given = value as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(PROPERTIES, name))
      throw new WorkloadError(`${origin}: unknown property ${name}; known: ${Object.keys(PROPERTIES).join(', ')}`);
  }
  for (const [name, check] of Object.entries(PROPERTIES)) {
    if (!check.holds(given[name]))
      throw new WorkloadError(`${origin}: ${name} ${JSON.stringify(given[name])}; allowed: ${check.allowed}`);
  }
  return given as unknown as Workload;
}

/** One of the files in `workloads/`, by name. */
export function namedWorkload(name: string): Workload {
  const file = new URL(`./workloads/${name}.json`, import.meta.url);
  return parseWorkload(JSON.parse(readFileSync(file, 'utf8')), `workload ${name}`);
}
