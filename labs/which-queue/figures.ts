/** The figures that the lab's words name: of this project's broker, which is always there, and the borrowed ones that they are set beside. */
import { spreadOf } from '@mqlab/bench/statistics.ts';
import type { Figure } from '@mqlab/reports/run-data.ts';
import { type Kept, keptOfFewest } from './kept.ts';
import { problemsOf, type SystemMeasured, type WhichQueueMeasured } from './measured.ts';
import { sourceOfFall, TOPICS_CLAIMS, type TopicsClaim } from './topics-claim.ts';

/** The broker of this project among the peers. */
export const OWN = 'mqlab';

function measured(value: number, unit: string, source: string, more: Partial<Figure> = {}): Figure {
  return { value, unit, label: 'measured', source, ...more };
}

export function figuresOf(taken: WhichQueueMeasured): Record<string, Figure> {
  const own = taken.systems.find(({ name }) => name === OWN);
  if (own === undefined) throw new Error('the broker of this project was not measured');
  return {
    systems: measured(taken.systems.length, 'count', 'systems found on this machine and measured'),
    ...claimFigures('kafka', TOPICS_CLAIMS.Kafka),
    ...claimFigures('rocketmq', TOPICS_CLAIMS.RocketMQ),
    ...ownFigures(own),
    ...Object.fromEntries(
      taken.systems
        .filter(({ recordsPerSecond }) => recordsPerSecond.length > 0)
        .map((system) => [`rate-${system.name}`, rateOf(system)]),
    ),
    ...Object.fromEntries(
      taken.systems.flatMap((system) =>
        keptOfFewest(system).map((kept) => [`kept-${system.name}-${kept.to}`, keptFigure(system, kept)]),
      ),
    ),
  };
}

/** What the claim says of the product `name`, and where that comes from. */
function claimFigures(name: string, claim: TopicsClaim): Record<string, Figure> {
  const { from, to, words, fallPercent } = claim;
  const source = `C91: ${words}`;
  return {
    [`claim-${name}-from`]: { value: from, unit: 'count', label: 'given', source },
    [`claim-${name}-to`]: { value: to, unit: 'count', label: 'given', source },
    [`borrowed-${name}-fall`]: { value: fallPercent, unit: '%', label: 'borrowed', source: sourceOfFall(claim) },
  };
}

function keptFigure({ title, version }: SystemMeasured, { from, to, share }: Kept): Figure {
  const source = `total throughput over ${to} topics over that over ${from}, window by window, ${title} ${version}`;
  const { median, min, max, samples } = share;
  return measured(median * 100, '%', source, { min: min * 100, max: max * 100, samples });
}

function rateOf({ title, version, recordsPerSecond }: SystemMeasured): Figure {
  const { median, min, max, samples } = spreadOf(recordsPerSecond);
  return measured(median, 'records/s', `confirmed records of 1 KiB, ${title} ${version}`, { min, max, samples });
}

function ownFigures(own: SystemMeasured): Record<string, Figure> {
  const most = keptOfFewest(own).at(-1);
  const { latency, crash } = own;
  if (most === undefined || latency === null || crash === null)
    throw new Error(`the broker of this project was measured in part only: ${problemsOf(own).join('; ')}`);
  const due = 'open loop, from the due moment to the confirmation';
  return {
    'own-rate': rateOf(own),
    'own-p50': measured(latency.p50Ms, 'ms', due, { samples: latency.count }),
    'own-p99': measured(latency.p99Ms, 'ms', due, { samples: latency.count }),
    'own-kept': keptFigure(own, most),
    'own-topics': { value: most.to, unit: 'count', label: 'given' },
    'own-topics-few': { value: most.from, unit: 'count', label: 'given' },
    'own-lost': measured(crash.lost, 'count', 'confirmed messages that a reader did not find after kill −9'),
    'own-confirmed': measured(crash.confirmed, 'count', 'confirmed messages before kill −9 and on their way at it'),
  };
}
