/** Collects the samples of a comparison. What a metric's unit is, and which way is better, stands here once. */
import type { Sample } from './samples.ts';
import type { System } from './session.ts';

export interface Metric {
  readonly unit: string;
  readonly betterIs: 'higher' | 'lower';
}

const HIGHER = (unit: string): Metric => ({ unit, betterIs: 'higher' });
const LOWER = (unit: string): Metric => ({ unit, betterIs: 'lower' });

/** By name; a name may go on after one of these, with a space (`latency p99 at 50 % of its maximum`). */
const METRICS: readonly (readonly [name: string, metric: Metric])[] = [
  ['produce throughput', HIGHER('bytes/s')],
  ['produce rate', HIGHER('records/s')],
  ['drain throughput', HIGHER('bytes/s')],
  ['drain rate', HIGHER('records/s')],
  ['produce processor time per GB', LOWER('s')],
  ['produce processor time per record', LOWER('us')],
  ['drain processor time per GB', LOWER('s')],
  ['drain processor time per record', LOWER('us')],
  ['throughput kept', HIGHER('%')],
  ['acknowledged', LOWER('ms')],
  ['plans', HIGHER('plans/s')],
  ['end to end', LOWER('ms')],
  ['lateness of the generator', LOWER('ms')],
  ['rate reached', HIGHER('records/s')],
  ['start to first acknowledged produce', LOWER('ms')],
  ['memory idle', LOWER('bytes')],
  ['memory peak', LOWER('bytes')],
  ['processor idle', LOWER('%')],
  ['bytes by sendfile', HIGHER('bytes')],
  ['bytes by copy', LOWER('bytes')],
];

export class Recorder {
  readonly samples: Sample[] = [];

  /** A value that could not be taken is none. */
  add(group: string, workload: string, metric: string, system: System, pair: number, value: number | null): void {
    if (value === null || !Number.isFinite(value)) return;
    const known = METRICS.find(([name]) => metric === name || metric.startsWith(`${name} `));
    if (known === undefined) throw new Error(`metric ${metric} has no unit`);
    const { peer, version } = system;
    this.samples.push({ group, workload, metric, ...known[1], system: peer.name, version, pair, value });
  }
}
