/**
 * What becomes of the claims C90 to C93: decided by what was just measured, per product and system. No verdict is typed; each scope quotes its figures.
 *
 * A product that is not on the machine leaves its part of a claim open, and the claim then is no more than inconclusive, unless another part refutes it.
 */
import { spreadOf } from '@mqlab/bench/statistics.ts';
import { formatNumber, formatQuantity } from '@mqlab/reports/index.ts';
import type { ClaimVerdict } from '@mqlab/reports/run-data.ts';
import type { Conclusion } from '../kit/verdict.ts';
import { keptBetween, shareText } from './kept.ts';
import {
  FAMILIES,
  type Family,
  LATENCY_RATE,
  PARTITIONS,
  type SystemMeasured,
  systemsOf,
  type WhichQueueMeasured,
} from './measured.ts';
import { TOPICS_CLAIMS } from './topics-claim.ts';

export interface Judged extends Conclusion {
  readonly isMeasured: boolean;
  /** Measurements behind it: windows, open loops or kills, of all systems. */
  readonly runs: number;
}

const ALL = Object.keys(FAMILIES) as Family[];
/** `Tens of thousands`, `hundreds of thousands`, with a borderline of a half. */
const TENS = { min: 5_000, max: 150_000 };
const HUNDREDS = { min: 75_000, max: 1_500_000 };

/** Whether it does as the claim says; null where that was not measured. */
interface Finding {
  readonly holds: boolean | null;
  readonly words: string;
}

/** Of one product. */
interface Part extends Finding {
  /** A system of the product took part in the run. */
  readonly isHere: boolean;
}

const NOT_MEASURED: Finding = { holds: null, words: 'was not measured' };

export function judgeClaims(taken: WhichQueueMeasured): Judged[] {
  const sum = (of: (system: SystemMeasured) => number): number =>
    taken.systems.reduce((all, system) => all + of(system), 0);
  return [
    concluded(
      'C90',
      ALL.map((family) => throughputPart(taken, family)),
      'One server and its clients on one machine',
      sum(({ recordsPerSecond }) => recordsPerSecond.length),
    ),
    concluded(
      'C91',
      (['Kafka', 'RocketMQ'] as const).map((family) => topicsPart(taken, family)),
      `Total throughput over ${sizesText(taken.systems)} topics of ${PARTITIONS} partitions, the sizes in turn on one server that has all of them`,
      sum(({ topics }) => topics.reduce((windows, { recordsPerSecond }) => windows + recordsPerSecond.length, 0)),
    ),
    concluded(
      'C92',
      ALL.map((family) => latencyPart(taken, family)),
      `Median from due to confirmed at ${LATENCY_RATE} records a second`,
      sum(({ latency }) => (latency === null ? 0 : 1)),
    ),
    concluded(
      'C93',
      (['ActiveMQ', 'RocketMQ', 'Kafka'] as const).map((family) => crashPart(taken, family)),
      'Killed by kill −9 with confirmed messages and the settings of the table',
      sum(({ crash }) => (crash === null ? 0 : 1)),
    ),
  ];
}

function concluded(claim: string, parts: readonly Part[], where: string, runs: number): Judged {
  const isMeasured = parts.some(({ holds }) => holds !== null);
  return {
    claim,
    verdict: verdictOf(parts),
    isMeasured,
    runs,
    scope: `${where}: ${parts.map(({ words }) => words).join('; ')}.`,
  };
}

function verdictOf(parts: readonly Part[]): ClaimVerdict {
  const known = parts.filter(({ holds }) => holds !== null).length;
  const held = parts.filter(({ holds }) => holds === true).length;
  if (known === 0) return parts.some(({ isHere }) => isHere) ? 'inconclusive' : 'not measurable here';
  if (held === parts.length) return 'confirmed';
  if (held === 0 && known === parts.length) return 'refuted';
  return held < known ? 'conditional' : 'inconclusive';
}

/** `of`: what of the product is judged, where that is not all of it. */
function partOf(taken: WhichQueueMeasured, family: Family, judge: (system: SystemMeasured) => Finding, of = ''): Part {
  const judged = systemsOf(taken, family).map((system) => ({ system, ...judge(system) }));
  if (judged.length === 0) return { holds: null, isHere: false, words: `${family} was not measured${of}` };
  const known = judged.filter(({ holds }) => holds !== null);
  return {
    holds: known.length === 0 ? null : known.some(({ holds }) => holds),
    isHere: true,
    words: judged.map(({ system, words }) => `${system.title} ${words}`).join(', '),
  };
}

function throughputPart(taken: WhichQueueMeasured, family: Family): Part {
  const said = family === 'ActiveMQ' || family === 'RabbitMQ' ? TENS : HUNDREDS;
  return partOf(taken, family, ({ recordsPerSecond }) => {
    if (recordsPerSecond.length === 0) return NOT_MEASURED;
    const rate = medianOf(recordsPerSecond);
    return { holds: rate >= said.min && rate < said.max, words: formatQuantity(rate, 'records/s') };
  });
}

/** Over the claim's own range: what other sizes showed are figures of the report, and no verdict. */
function topicsPart(taken: WhichQueueMeasured, family: keyof typeof TOPICS_CLAIMS): Part {
  const { from, to, keptMin, keptMax } = TOPICS_CLAIMS[family];
  const range = ` from ${formatNumber(from)} to ${formatNumber(to)} topics`;
  const judge = (system: SystemMeasured): Finding => {
    const kept = keptBetween(system, from, to);
    if (kept === null) return { holds: null, words: `was not measured${range} (${whyNot(system, [from, to])})` };
    const { share } = kept;
    return {
      holds: share.median >= keptMin && share.median <= keptMax,
      words: `keeps ${shareText(share)}${range}`,
    };
  };
  return partOf(taken, family, judge, range);
}

function whyNot({ topics }: SystemMeasured, wanted: readonly number[]): string {
  const reasons = wanted.flatMap((size) => {
    const taken = topics.find((one) => one.topics === size);
    if (taken === undefined) return [`no server had ${formatNumber(size)}`];
    return taken.missed === null ? [] : [`${formatNumber(size)}: ${taken.missed}`];
  });
  return reasons.length === 0 ? 'nothing was confirmed in its windows' : reasons.join('; ');
}

/** `64, 256 and 1,000`. */
function sizesText(systems: readonly SystemMeasured[]): string {
  const sizes = [...new Set(systems.flatMap(({ topics }) => topics.map((one) => one.topics)))].sort((a, b) => a - b);
  if (sizes.length < 2) return sizes.map(formatNumber).join('') || 'no';
  return `${sizes.slice(0, -1).map(formatNumber).join(', ')} and ${formatNumber(sizes.at(-1)!)}`;
}

function latencyPart(taken: WhichQueueMeasured, family: Family): Part {
  return partOf(taken, family, ({ latency }) => {
    if (latency === null) return NOT_MEASURED;
    const isMicroseconds = latency.p50Ms < 1;
    return {
      holds: family === 'RabbitMQ' ? isMicroseconds : !isMicroseconds,
      words: formatQuantity(latency.p50Ms, 'ms'),
    };
  });
}

function crashPart(taken: WhichQueueMeasured, family: Family): Part {
  return partOf(taken, family, ({ crash }) => {
    if (crash === null || crash.confirmed === 0) return NOT_MEASURED;
    // "With low probability" is no statement that one kill could confirm: what is judged is that it can be set to lose nothing, for each of them.
    return { holds: crash.lost === 0, words: `lost ${crash.lost} of ${crash.confirmed}` };
  });
}

export function medianOf(samples: readonly number[]): number {
  return spreadOf(samples).median;
}
