/** The figures that the lab's words name: of this project's broker, which is always there, and the borrowed ones that they are set beside. */
import { spreadOf } from '@mqlab/bench/statistics.ts';
import type { Figure } from '@mqlab/reports/run-data.ts';
import { keptShare } from './conclusions.ts';
import type { SystemMeasured, WhichQueueMeasured } from './measured.ts';

/** The broker of this project among the peers. */
export const OWN = 'mqlab';
const VENDOR_TEST = "a RocketMQ vendor's published test, 64 to 256 topics; not measured here";

function measured(value: number, unit: string, source: string, more: Partial<Figure> = {}): Figure {
  return { value, unit, label: 'measured', source, ...more };
}

export function figuresOf(taken: WhichQueueMeasured): Record<string, Figure> {
  const own = taken.systems.find(({ name }) => name === OWN);
  if (own === undefined) throw new Error('the broker of this project was not measured');
  return {
    systems: measured(taken.systems.length, 'count', 'systems found on this machine and measured'),
    'borrowed-kafka-fall': { value: 98, unit: '%', label: 'borrowed', source: VENDOR_TEST },
    'borrowed-rocketmq-fall': { value: 16, unit: '%', label: 'borrowed', source: VENDOR_TEST },
    ...ownFigures(own),
    ...Object.fromEntries(
      taken.systems
        .filter(({ recordsPerSecond }) => recordsPerSecond.length > 0)
        .map((system) => [`rate-${system.name}`, rateOf(system)]),
    ),
  };
}

function rateOf({ title, version, recordsPerSecond }: SystemMeasured): Figure {
  const { median, min, max, samples } = spreadOf(recordsPerSecond);
  return measured(median, 'records/s', `confirmed records of 1 KiB, ${title} ${version}`, { min, max, samples });
}

function ownFigures(own: SystemMeasured): Record<string, Figure> {
  const share = keptShare(own);
  const { latency, crash } = own;
  if (share === null || latency === null || crash === null)
    throw new Error(`the broker of this project was measured in part only: ${own.problems.join('; ')}`);
  const due = 'open loop, from the due moment to the confirmation';
  return {
    'own-rate': rateOf(own),
    'own-p50': measured(latency.p50Ms, 'ms', due, { samples: latency.count }),
    'own-p99': measured(latency.p99Ms, 'ms', due, { samples: latency.count }),
    'own-kept': measured(share.kept * 100, '%', 'total throughput at the most topics over that at the fewest'),
    'own-topics': { value: share.to, unit: 'count', label: 'given' },
    'own-topics-few': { value: share.from, unit: 'count', label: 'given' },
    'own-lost': measured(crash.lost, 'count', 'confirmed messages that a reader did not find after kill −9'),
    'own-confirmed': measured(crash.confirmed, 'count', 'confirmed messages before kill −9 and on their way at it'),
  };
}
