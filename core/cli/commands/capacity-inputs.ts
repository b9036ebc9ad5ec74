/**
 * What stands on the command line of `mqlab capacity`, as inputs of a plan. Numbers may be written `1e6` or `1,000,000`; a time needs its unit.
 *
 * Invariant: what comes back is within limits; anything else is a UsageError that names the flag and what is allowed.
 */
import { UsageError } from '../usage-error.ts';

export interface CapacityFlags {
  readonly users?: string;
  readonly messagesPerUser?: string;
  readonly bytes?: string;
  readonly peakFactor?: string;
  readonly replicas?: string;
  readonly retention?: string;
  readonly targetUtilization?: string;
  readonly consumerGroups?: string;
  readonly consumerMsPerRecord?: string;
  readonly lag?: string;
  readonly compression?: string;
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** `3d`, `72h`, `1.5d`, in seconds. */
export function durationSeconds(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(text.trim());
  const unit = UNITS[match?.[2] ?? ''];
  const seconds = Number(match?.[1]) * (unit ?? Number.NaN);
  if (seconds > 0 && Number.isFinite(seconds)) return seconds;
  throw new UsageError(`${flag} ${text}: a time above 0 with its unit is wanted: s, m, h, d or w (3d, 72h)`);
}

interface Limits {
  readonly min: number;
  readonly max: number;
  readonly whole?: boolean;
}

/** `1e6`, `1,000,000`, `0.5`. */
export function numberWithin(flag: string, text: string, { min, max, whole = false }: Limits): number {
  const plain = /^\d{1,3}(,\d{3})+$/.test(text.trim()) ? text.replaceAll(',', '') : text.trim();
  const value = /^\d+(\.\d+)?(e\+?\d+)?$/i.test(plain) ? Number(plain) : Number.NaN;
  if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value;
  const kind = whole ? 'a whole number' : 'a number';
  throw new UsageError(`${flag} ${text}: ${kind} from ${min} to ${max.toLocaleString('en-US')} is wanted`);
}

const LIMITS = {
  users: ['--users', { min: 1, max: 1e12, whole: true }],
  messagesPerUser: ['--messages-per-user', { min: 0.001, max: 1e9 }],
  recordBytes: ['--bytes', { min: 1, max: 100_000_000, whole: true }],
  peakFactor: ['--peak-factor', { min: 1, max: 100_000 }],
  replicas: ['--replicas', { min: 1, max: 100, whole: true }],
  targetUtilization: ['--target-utilization', { min: 0.01, max: 1 }],
  consumerGroups: ['--consumer-groups', { min: 0, max: 10_000, whole: true }],
  consumerMsPerRecord: ['--consumer-ms-per-record', { min: 0.0001, max: 3_600_000 }],
} as const satisfies Readonly<Record<string, readonly [string, Limits]>>;

export interface ParsedInputs {
  /** Only what was given; the rest is the plan's default. */
  readonly inputs: Readonly<Record<string, number | string>>;
}

export function parseCapacityFlags(flags: CapacityFlags): ParsedInputs {
  const texts = {
    users: flags.users,
    messagesPerUser: flags.messagesPerUser,
    recordBytes: flags.bytes,
    peakFactor: flags.peakFactor,
    replicas: flags.replicas,
    targetUtilization: flags.targetUtilization,
    consumerGroups: flags.consumerGroups,
    consumerMsPerRecord: flags.consumerMsPerRecord,
  };
  const inputs: Record<string, number | string> = {};
  for (const [name, text] of Object.entries(texts) as [keyof typeof LIMITS, string | undefined][]) {
    if (text !== undefined) inputs[name] = numberWithin(LIMITS[name][0], text, LIMITS[name][1]);
  }
  if (flags.retention !== undefined) inputs.retentionSeconds = durationSeconds('--retention', flags.retention);
  if (flags.lag !== undefined) inputs.lagSeconds = durationSeconds('--lag', flags.lag);
  if (flags.compression !== undefined) {
    if (!COMPRESSIONS.includes(flags.compression))
      throw new UsageError(`--compression ${flags.compression}: allowed are ${COMPRESSIONS.join(', ')}`);
    inputs.compression = flags.compression;
  }
  return { inputs };
}
