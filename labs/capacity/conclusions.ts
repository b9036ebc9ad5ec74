/**
 * What becomes of the claims C80 to C84: decided by arithmetic on the notes' own numbers and by what was just measured. No verdict is typed: each follows from
 * the figures, and its scope says them.
 */
import { formatFigure, formatNumber, formatQuantity } from '@mqlab/reports/index.ts';
import type { ClaimVerdict } from '@mqlab/reports/run-data.ts';
import type { Conclusion } from '../kit/verdict.ts';
import { type CapacityInputs, NOTES_INPUTS } from './inputs.ts';
import type { Figures } from './measured-figures.ts';
import { NOTES_BROKER_BYTES_PER_SECOND, NOTES_HEAP_BYTES, notesFormula } from './notes-formula.ts';
import { brokersOf } from './plan.ts';

/** What the notes say comes out. */
export const NOTES_SAY = {
  recordsPerSecond: 1_150,
  bytesPerSecond: 1e6,
  peakBytesPerSecond: 20e6,
  brokers: 3,
  bytesPerDay: 100e9,
  diskBytes: 1e12,
} as const;

/** "About": within this share. */
const ABOUT = 0.05;

export interface Judged extends Conclusion {
  /** Whether what the claim needs was measured. */
  readonly isMeasured: boolean;
}

function isAbout(value: number, said: number): boolean {
  return Math.abs(value / said - 1) <= ABOUT;
}

function percentOff(value: number, said: number): string {
  const off = (value / said - 1) * 100;
  return `${off >= 0 ? '+' : '−'}${formatNumber(Number(Math.abs(off).toPrecision(2)))} %`;
}

export function judgeClaims(figures: Readonly<Figures>, inputs: CapacityInputs = NOTES_INPUTS): Judged[] {
  return [
    judgeLoad(figures, inputs),
    judgeBrokers(figures, inputs),
    judgeDisk(figures, inputs),
    judgeMemory(figures),
    judgeParallel(figures),
  ];
}

function judgeLoad(figures: Readonly<Figures>, inputs: CapacityInputs): Judged {
  const exact = notesFormula(inputs);
  const decimal = notesFormula({ ...inputs, recordBytes: 1000 });
  const rateHolds = isAbout(exact.recordsPerSecond, NOTES_SAY.recordsPerSecond);
  const bytesHold =
    isAbout(exact.bytesPerSecond, NOTES_SAY.bytesPerSecond) &&
    isAbout(exact.peakBytesPerSecond, NOTES_SAY.peakBytesPerSecond);
  const verdict: ClaimVerdict = rateHolds && bytesHold ? 'confirmed' : rateHolds ? 'conditional' : 'refuted';
  const share = (inputs.peakFactor / 24) * 100;
  const hour = figures['hour-peak-factor'];
  return {
    claim: 'C80',
    verdict,
    isMeasured: true,
    scope: `The average is ${formatNumber(Math.round(exact.recordsPerSecond))}/s (${percentOff(exact.recordsPerSecond, NOTES_SAY.recordsPerSecond)} of what is said), but ${inputs.recordBytes} B each make ${formatQuantity(exact.bytesPerSecond, 'bytes/s')} and ${formatQuantity(exact.peakBytesPerSecond, 'bytes/s')} at the peak (${percentOff(exact.peakBytesPerSecond, NOTES_SAY.peakBytesPerSecond)}; ${percentOff(decimal.peakBytesPerSecond, NOTES_SAY.peakBytesPerSecond)} with 1,000 B); a peak of ${inputs.peakFactor}× that lasted an hour would hold ${formatNumber(Number(share.toPrecision(2)))} % of the day${hour === undefined ? '' : `, where the given records' fullest hour is ${formatFigure(hour)} the mean one`}: the factor is an assumption to be measured.`,
  };
}

function judgeBrokers(figures: Readonly<Figures>, inputs: CapacityInputs): Judged {
  const exact = notesFormula(inputs);
  const plan = brokersOf(inputs, figures);
  const asWritten = Math.abs(exact.brokers - NOTES_SAY.brokers) < 0.05;
  const withMeasured = notesFormula(inputs, plan.writeBytesPerSecond);
  const isNotesRate = isAbout(plan.writeBytesPerSecond, NOTES_BROKER_BYTES_PER_SECOND);
  const verdict: ClaimVerdict =
    asWritten && isNotesRate ? 'confirmed' : exact.brokersBracketUp === NOTES_SAY.brokers ? 'conditional' : 'refuted';
  return {
    claim: 'C81',
    verdict,
    isMeasured: true,
    scope: `As written the formula gives ${formatNumber(Number(exact.brokers.toPrecision(3)))}; ${NOTES_SAY.brokers} comes out only if the bracket is rounded up first; with the ${formatQuantity(plan.writeBytesPerSecond, 'bytes/s')} measured here in place of 100 MB/s it gives ${formatNumber(Number(withMeasured.brokers.toPrecision(3)))}; throughput asks for ${plan.byThroughput.value} (and one more to lose one), a majority of controllers and room for lost replicas for ${plan.bySafety.value}: the plan has ${plan.count}, and ${decider(plan.byThroughput.value + 1, plan.bySafety.value)}.`,
  };
}

function decider(byThroughput: number, bySafety: number): string {
  if (byThroughput === bySafety) return 'both ask for the same';
  return byThroughput > bySafety ? 'throughput decides it' : 'safety decides it, not throughput';
}

function judgeDisk(figures: Readonly<Figures>, inputs: CapacityInputs): Judged {
  const exact = notesFormula(inputs);
  const decimal = notesFormula({ ...inputs, recordBytes: 1000 });
  const none = figures['disk-factor-none'];
  const verdict: ClaimVerdict = isAbout(decimal.diskBytes, NOTES_SAY.diskBytes)
    ? 'confirmed'
    : decimal.diskBytes < 2 * NOTES_SAY.diskBytes
      ? 'conditional'
      : 'refuted';
  const packed = Object.entries(figures).filter(
    ([name]) => name.startsWith('disk-factor-') && name !== 'disk-factor-none',
  );
  const measured =
    none === undefined
      ? '; bytes on disk were not measured: the broker is no process of this machine'
      : `; on disk ${formatFigure(none)} the values uncompressed${packed.map(([name, figure]) => `, ${formatFigure(figure)} with ${name.slice('disk-factor-'.length)}`).join('')} (these records)`;
  return {
    claim: 'C82',
    verdict,
    isMeasured: true,
    scope: `The product is ${formatQuantity(decimal.diskBytes, 'bytes')} (${formatQuantity(exact.diskBytes, 'bytes')} with ${inputs.recordBytes} B): ${percentOff(decimal.diskBytes, NOTES_SAY.diskBytes)} of "about 1 TB"${measured}; whole segments only are deleted, which the formula leaves out.`,
  };
}

function judgeMemory(figures: Readonly<Figures>): Judged {
  const peak = figures['rss-peak'];
  const idle = figures['rss-idle'];
  if (peak === undefined || idle === undefined)
    return {
      claim: 'C83',
      verdict: 'not measurable here',
      isMeasured: false,
      scope: 'The memory of a broker on another machine cannot be seen from here.',
    };
  const verdict: ClaimVerdict =
    peak.value < NOTES_HEAP_BYTES.min / 2
      ? 'refuted'
      : peak.value <= NOTES_HEAP_BYTES.max
        ? 'confirmed'
        : 'conditional';
  return {
    claim: 'C83',
    verdict,
    isMeasured: true,
    scope: `For this broker: ${formatFigure(idle)} idle and ${formatFigure(peak)} at most under every load of this run, where the notes take a heap of ${formatQuantity(NOTES_HEAP_BYTES.min, 'bytes')} and more; the page cache is sized by how long a consumer lags times what is written in that time, of which a quarter of a segment for each leader is a guess.`,
  };
}

function judgeParallel(figures: Readonly<Figures>): Judged {
  const [name, ratio] = Object.entries(figures).find(([each]) => /^partitions-\d+-ratio$/.test(each)) ?? [];
  const consumer = figures['fetch-1'];
  const one = Object.entries(figures).find(([each]) => /^max-\d+[kb]$/.test(each))?.[1];
  if (name === undefined || ratio === undefined || consumer === undefined || one === undefined)
    return {
      claim: 'C84',
      verdict: 'inconclusive',
      isMeasured: false,
      scope: 'Several partitions, or a consumer, were not measured.',
    };
  const partitions = Number(name.split('-')[1]);
  const isAdditive = ratio.value >= partitions * 0.8;
  return {
    claim: 'C84',
    verdict: isAdditive ? 'confirmed' : 'conditional',
    isMeasured: true,
    scope: `One partition took ${formatFigure(one)} and one consumer ${formatFigure(consumer)}; on the same broker ${partitions} partitions took ${formatFigure(ratio)} of what one took: ${isAdditive ? 'partitions add up' : 'partitions do not add up on one broker, so dividing gives room for consumers, and throughput needs brokers'}.`,
  };
}
