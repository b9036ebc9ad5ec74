/**
 * The lab `which-queue`: Kafka, RabbitMQ, RocketMQ or ActiveMQ. The notes' table filled with what runs on this machine, each system with its own client and durable settings.
 *
 * Invariant: this project's broker always runs; others where they are installed, and only in the full profile, since most take many seconds to start. No scenario is searched: real servers have no seed.
 */
import { readFileSync } from 'node:fs';
import { extractCode } from '@mqlab/reports/code-excerpt.ts';
import { clientVersion } from '../kit/drivers/versions.ts';
import type { FigureContext, FigureVerdict, Lab, LabFigures } from '../kit/lab.ts';
import { judgeClaims } from './conclusions.ts';
import { figuresOf } from './figures.ts';
import { chartsOf, comparisonTable, settingsTable } from './pictures.ts';

async function takeFigures(context: FigureContext): Promise<LabFigures> {
  // Loaded when they are taken: drivers of every system come with it.
  const { measureWhichQueue } = await import('./measure.ts');
  const taken = await measureWhichQueue(context.profile, context.progress);
  const judged = judgeClaims(taken);
  return {
    figures: figuresOf(taken),
    charts: chartsOf(taken),
    tables: { comparison: comparisonTable(taken), settings: settingsTable(taken) },
    verdicts: judged.map(
      ({ claim, isMeasured, runs }): FigureVerdict => ({
        claim,
        target: 'local',
        client: 'each system’s own',
        variant: 'before',
        expected: isMeasured ? 'measured' : 'inconclusive',
        verdict: isMeasured ? 'measured' : 'inconclusive',
        runs,
      }),
    ),
    conclusions: judged,
    limits: taken.absent.map(({ title, why }) => `${title} was not measured: ${why}.`),
  };
}

export const lab: Lab = {
  name: 'which-queue',
  title: 'Kafka, RabbitMQ, RocketMQ or ActiveMQ',
  question: 'Which message queue would you take, and why?',
  claims: ['C90', 'C91', 'C92', 'C93'],
  scenarios: [],
  conclusions: [],
  text: { en: new URL('./text.en.md', import.meta.url) },
  figures: takeFigures,
  clients: [
    {
      name: 'mqlab',
      version: clientVersion('mqlab'),
      settings: {
        'used for': 'this project’s broker and Apache Kafka',
        acks: 'all',
        'batch.size': 'in the table of settings',
      },
    },
  ],
  code: async () => ({
    crash: extractCode(
      readFileSync(new URL('./crash.ts', import.meta.url), 'utf8'),
      'labs/which-queue/crash.ts',
      'judged',
    ),
  }),
  limits: [
    'One server and one producer on one machine, without a network and without replicas.',
    'Minutes, not days: no write-back of hours, no full disk, no compaction of what a queue forgets.',
  ],
};
