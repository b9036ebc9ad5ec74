/**
 * The lab `capacity`: how many machines. No counterexample is searched here: one broker is loaded until it bends, and the formula of the notes stands beside a plan
 * from what was measured.
 *
 * It measures real processes: with the target `external` the cluster that is given, in any other case a broker of this machine (virtual time measures nothing).
 */
import { readFileSync } from 'node:fs';
import { extractCode } from '@mqlab/reports/code-excerpt.ts';
import type { Figure } from '@mqlab/reports/run-data.ts';
import { clientTitle, clientVersion } from '../kit/drivers/versions.ts';
import type { FigureContext, FigureVerdict, Lab, LabFigures } from '../kit/lab.ts';
import { chartsOf } from './charts.ts';
import { judgeClaims } from './conclusions.ts';
import { NOTES_INPUTS, NOTES_SAY_INPUTS } from './inputs.ts';
import { measureCapacity } from './measure.ts';
import { MEASURE_PLANS } from './measure-plans.ts';
import { derived, type Figures, figuresOf } from './measured-figures.ts';
import { notesFormula } from './notes-formula.ts';
import { peakHourFactor } from './peak-hour.ts';
import { planCapacity } from './plan.ts';
import { diskTable, planTable, sweepTable } from './tables.ts';

/** Of the quick profile, before what no verdict needs is left out. */
const QUICK_MS = 11_000;

async function takeFigures(context: FigureContext): Promise<LabFigures> {
  const isExternal = context.targets.includes('external');
  const bootstrap = isExternal ? await externalBootstrap(context) : undefined;
  const taken = await measureCapacity({
    plan: MEASURE_PLANS[context.profile],
    records: context.input.map(({ value }) => value),
    recordsName: 'records of the input',
    ...(bootstrap === undefined ? {} : { bootstrap }),
    deadline: context.profile === 'quick' ? performance.now() + QUICK_MS : context.deadline,
    progress: context.progress,
  });
  const measured = figuresOf(taken);
  const hour = peakHourFactor(context.input);
  if (hour !== null)
    measured['hour-peak-factor'] = derived(
      hour,
      'ratio',
      "fullest hour of the day over the mean hour, by the records' own dates",
    );
  const plan = planCapacity(NOTES_INPUTS, measured, new Set(NOTES_SAY_INPUTS));
  const judged = judgeClaims(measured);
  const verdicts = judged.map(
    ({ claim, verdict, isMeasured }): FigureVerdict => ({
      claim,
      target: isExternal ? 'external' : 'local',
      client: clientTitle('mqlab'),
      variant: 'before',
      expected: verdict === 'not measurable here' ? 'inconclusive' : 'measured',
      verdict: isMeasured ? 'measured' : 'inconclusive',
      runs: taken.sizes.reduce(
        (sum, { pairs, open }) => sum + 2 * pairs.length + open.length,
        taken.sweep.length + 2 * taken.partitionPairs.length,
      ),
    }),
  );
  return {
    figures: { ...measured, ...notesFigures(), ...planFigures(plan.sections.flatMap(({ lines }) => lines)) },
    charts: chartsOf(taken, measured),
    tables: {
      plan: planTable(plan),
      sweep: sweepTable(taken),
      ...(taken.disk.length === 0 ? {} : { disk: diskTable(taken) }),
    },
    verdicts,
    conclusions: judged,
    limits: [
      ...plan.limits,
      ...(taken.leftOut.length === 0 ? [] : [`Left out, because the machine was slow: ${taken.leftOut.join('; ')}.`]),
    ],
  };
}

async function externalBootstrap(context: FigureContext): Promise<string> {
  const target = await context.open('external');
  await target.close();
  return target.bootstrap;
}

function notesFigures(): Figures {
  const exact = notesFormula(NOTES_INPUTS);
  const decimal = notesFormula({ ...NOTES_INPUTS, recordBytes: 1000 });
  const from = (formula: string): string => `the notes' formula, exactly: ${formula}`;
  return {
    'notes-average': derived(exact.recordsPerSecond, 'records/s', from('users × messages / 86,400')),
    'notes-average-bytes': derived(exact.bytesPerSecond, 'bytes/s', from('average × 1,024 B')),
    'notes-peak-bytes': derived(exact.peakBytesPerSecond, 'bytes/s', from('average × 20, 1,024 B')),
    'notes-peak-bytes-decimal': derived(decimal.peakBytesPerSecond, 'bytes/s', from('average × 20, 1,000 B')),
    'notes-brokers': derived(exact.brokers, 'count', from('2 × (peak × replicas / 100 MB/s) + 1')),
    'notes-brokers-rounded': derived(exact.brokersBracketUp, 'count', from('the same, its bracket rounded up')),
    'notes-disk': derived(exact.diskBytes, 'bytes', from('a day × 2 × 3 / 0.7, 1,024 B')),
    'notes-disk-decimal': derived(decimal.diskBytes, 'bytes', from('a day × 2 × 3 / 0.7, 1,000 B')),
    'hour-share': derived(
      (NOTES_INPUTS.peakFactor / 24) * 100,
      '%',
      'of a day in one hour, if the peak lasts an hour: peak factor / 24',
    ),
  };
}

function planFigures(lines: readonly { readonly name: string; readonly figure: Figure | null }[]): Figures {
  return Object.fromEntries(lines.flatMap(({ name, figure }) => (figure === null ? [] : [[`plan-${name}`, figure]])));
}

function excerpt(file: string, anchor: string) {
  return extractCode(readFileSync(new URL(file, import.meta.url), 'utf8'), `labs/capacity/${file.slice(2)}`, anchor);
}

export const lab: Lab = {
  name: 'capacity',
  title: 'How many machines',
  question: 'A million users send a hundred messages a day. How many brokers, how much disk, how much memory?',
  claims: ['C80', 'C81', 'C82', 'C83', 'C84'],
  scenarios: [],
  conclusions: [],
  text: { en: new URL('./text.en.md', import.meta.url) },
  figures: takeFigures,
  clients: [
    {
      name: 'mqlab',
      version: clientVersion('mqlab'),
      settings: {
        acks: 'all (swept: 0, 1)',
        'enable.idempotence': 'true with acks=all (the default)',
        'linger.ms': '5 (the default)',
        'batch.size': '65536 (default 16384)',
        'buffer.memory': '67108864 (default 33554432)',
        'compression.type': 'none (the default; varied for the bytes on disk)',
        'max.poll.records': '5000 (default 500)',
        'max.partition.fetch.bytes': '4194304 (default 1048576)',
      },
    },
  ],
  code: async () => ({ brokers: excerpt('./plan.ts', 'brokers') }),
  limits: [
    'One broker on one machine: replication and the loss of a broker are derived by formula, not measured.',
    'Nothing was flushed before an acknowledgement (the default): a disk slower than the page cache shows only when memory runs out.',
    'A short run: no write-back of hours, no compaction, no full disk. The full profile runs longer, and neither replaces a test of a day.',
  ],
};
