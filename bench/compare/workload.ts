/**
 * A workload of a comparison, as data: what is sent and read, with which guarantees, at which rates. Files in `workloads/` hold one each; the properties are those of the
 * OpenMessaging Benchmark's workloads, in this project's words (README).
 *
 * Invariant: a parsed workload is complete and within limits; an unknown, missing or wrong property is refused by its name, with what is allowed.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { KEYS, type Keys } from '../load/partition-chooser.ts';
import { ACKS, WorkloadError } from '../load/workload.ts';

export interface CompareWorkload {
  /** Lower case, digits and dashes. */
  readonly name: string;
  /** One sentence for the report. */
  readonly about: string;
  readonly topics: number;
  /** Of each topic. */
  readonly partitions: number;
  /** A single server has 1; more asks for a cluster, which no peer starts yet. */
  readonly replicationFactor: number;
  /** Of the value. */
  readonly recordBytes: number;
  /** How records spread over the partitions. */
  readonly keys: Keys;
  readonly acks: (typeof ACKS)[number];
  /** Nothing is acknowledged before it is on the device. */
  readonly flushBeforeAck: boolean;
  readonly batchBytes: number;
  readonly lingerMs: number;
  /** Threads, each with a client of its own. */
  readonly producers: number;
  /** Threads that read along in the open loops, and drain the backlog. 0: nothing is read. */
  readonly consumers: number;
  /** Sent and not answered, of all producers together, in bytes of values. */
  readonly outstandingBytesMax: number;
  /** `max`: first as fast as answers come, then open loops at shares of that; else one open loop at this rate. */
  readonly recordsPerSecond: number | 'max';
  /** Open loops at these shares of each system's own maximum, in percent. */
  readonly loadPercents: readonly number[];
  /** Open loops at these rates, the same for every system. */
  readonly equalRates: readonly number[];
  /** Consumers drain at most so much of what the run at the maximum wrote, in bytes of values; 0: none. */
  readonly backlogBytes: number;
  /** Once for each system, before the first pair: at the maximum, not measured. */
  readonly systemWarmupMs: number;
  /** Of each run. */
  readonly warmupMs: number;
  readonly measureMs: number;
  /** After the window: how long to wait for what is still open. */
  readonly drainMsMax: number;
}

interface Check {
  readonly allowed: string;
  readonly holds: (value: unknown) => boolean;
}

function whole(min: number, max: number): Check {
  return {
    allowed: `a whole number from ${min} to ${max}`,
    holds: (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
  };
}

function among(values: readonly string[]): Check {
  return {
    allowed: values.map((value) => JSON.stringify(value)).join(', '),
    holds: (value) => values.includes(value as string),
  };
}

function wholeOrMax(min: number, max: number): Check {
  const number = whole(min, max);
  return { allowed: `${number.allowed}, or "max"`, holds: (value) => value === 'max' || number.holds(value) };
}

function listOf(each: Check, countMax: number): Check {
  return {
    allowed: `a list of at most ${countMax}, each ${each.allowed}`,
    holds: (value) => Array.isArray(value) && value.length <= countMax && value.every(each.holds),
  };
}

const RATE_MAX = 100_000_000;

const PROPERTIES: Readonly<Record<keyof CompareWorkload, Check>> = {
  name: {
    allowed: 'lower case letters, digits and dashes',
    holds: (value) => typeof value === 'string' && /^[a-z][a-z0-9-]*$/.test(value),
  },
  about: { allowed: 'a sentence', holds: (value) => typeof value === 'string' && value !== '' },
  topics: whole(1, 10_000),
  partitions: whole(1, 10_000),
  replicationFactor: whole(1, 1),
  recordBytes: whole(8, 1_000_000),
  keys: among(KEYS),
  acks: among(ACKS),
  flushBeforeAck: { allowed: 'true, false', holds: (value) => typeof value === 'boolean' },
  batchBytes: whole(1, 1_000_000),
  lingerMs: whole(0, 10_000),
  producers: whole(1, 64),
  consumers: whole(0, 64),
  outstandingBytesMax: whole(1, 1_000_000_000),
  recordsPerSecond: wholeOrMax(1, RATE_MAX),
  loadPercents: listOf(whole(1, 100), 10),
  equalRates: listOf(whole(1, RATE_MAX), 10),
  backlogBytes: whole(0, 100_000_000_000),
  systemWarmupMs: whole(0, 600_000),
  warmupMs: whole(0, 600_000),
  measureMs: whole(1, 3_600_000),
  drainMsMax: whole(0, 600_000),
};

/** Partitions of all topics: what one run may ask of a server. */
const PARTITIONS_MAX = 20_000;

export function parseCompareWorkload(value: unknown, origin: string): CompareWorkload {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new WorkloadError(`${origin}: a workload is an object`);
  const given = value as Readonly<Record<string, unknown>>;
  const known = Object.keys(PROPERTIES);
  for (const name of Object.keys(given))
    if (!known.includes(name))
      throw new WorkloadError(`${origin}: unknown property ${name}; known: ${known.join(', ')}`);
  for (const [name, check] of Object.entries(PROPERTIES)) {
    if (!Object.hasOwn(given, name))
      throw new WorkloadError(`${origin}: ${name} is missing; allowed: ${check.allowed}`);
    if (!check.holds(given[name]))
      throw new WorkloadError(`${origin}: ${name} ${JSON.stringify(given[name])}; allowed: ${check.allowed}`);
  }
  const workload = given as unknown as CompareWorkload;
  const all = workload.topics * workload.partitions;
  if (all > PARTITIONS_MAX)
    throw new WorkloadError(`${origin}: topics × partitions is ${all}; allowed: at most ${PARTITIONS_MAX}`);
  if (workload.recordsPerSecond !== 'max' && workload.loadPercents.length > 0)
    throw new WorkloadError(
      `${origin}: loadPercents are shares of a maximum; allowed with recordsPerSecond "max" only`,
    );
  return workload;
}

const directory = new URL('./workloads/', import.meta.url);

/** Those in `workloads/`. */
export function workloadNames(): string[] {
  return readdirSync(directory)
    .filter((file) => extname(file) === '.json')
    .map((file) => file.slice(0, -'.json'.length))
    .sort();
}

/** One of `workloads/` by its name, or a file by its path. */
export function loadWorkload(nameOrFile: string): CompareWorkload {
  if (workloadNames().includes(nameOrFile))
    return read(new URL(`${nameOrFile}.json`, directory), `workload ${nameOrFile}`);
  if (!existsSync(nameOrFile))
    throw new WorkloadError(`workload ${nameOrFile}: no such file; allowed: a file, or ${workloadNames().join(', ')}`);
  return read(nameOrFile, nameOrFile);
}

function read(file: string | URL, origin: string): CompareWorkload {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new WorkloadError(`${origin}: ${(error as Error).message}; allowed: a JSON object`);
  }
  return parseCompareWorkload(value, origin);
}

/** The same with less of everything that takes time: for a look, not for a figure. */
export function shortened(workload: CompareWorkload): CompareWorkload {
  return {
    ...workload,
    systemWarmupMs: Math.min(workload.systemWarmupMs, 2_000),
    warmupMs: Math.min(workload.warmupMs, 300),
    measureMs: Math.min(workload.measureMs, 1_000),
    backlogBytes: Math.min(workload.backlogBytes, 200_000_000),
    loadPercents: workload.loadPercents.slice(0, 2),
    equalRates: workload.equalRates.slice(0, 1),
  };
}
