/**
 * The lab `storage`: how a log on disk is read quickly, and what is deleted from it (C50–C58).
 *
 * Figures for what is a matter of time and bytes; scenarios for what is believed of retention and compaction.
 */
import { readFile } from 'node:fs/promises';
import { extractCode } from '@mqlab/reports/code-excerpt.ts';
import type { CodeExcerpt } from '@mqlab/reports/run-data.ts';
import { clientVersion } from '../kit/drivers/versions.ts';
import type { Lab } from '../kit/lab.ts';
import { RETENTION_MS, SCENARIOS, SMALL_SEGMENTS } from './scenarios.ts';

async function code(): Promise<Record<string, CodeExcerpt>> {
  const source = await readFile(new URL('./app/readers.ts', import.meta.url), 'utf8');
  const names = ['as-log', 'as-table'];
  return Object.fromEntries(names.map((name) => [name, extractCode(source, 'labs/storage/app/readers.ts', name)]));
}

export const lab: Lab = {
  name: 'storage',
  title: 'A log on disk: how reading is quick, and what is deleted',
  question:
    'Kafka writes everything to disk. Why is it quick all the same, how does it find an offset, and when is something really deleted?',
  claims: ['C50', 'C51', 'C52', 'C53', 'C54', 'C55', 'C56', 'C57', 'C58'],
  scenarios: SCENARIOS,
  conclusions: [
    {
      claim: 'C53',
      verdict: 'confirmed',
      scope:
        'whole segments, by the largest timestamp in them: so retention.ms is a least and not a most; a record may outlive it for as long as its segment takes younger ones. Size is off by default (the lab expiry deletes by it)',
    },
    {
      claim: 'C54',
      verdict: 'confirmed',
      scope:
        'the last value of each key, and tombstones until delete.retention.ms; older values may be gone or still there, so a compacted topic is a table and no log',
    },
  ],
  text: { en: new URL('./text.en.md', import.meta.url) },
  clients: [
    {
      name: 'mqlab',
      version: clientVersion('mqlab'),
      settings: {
        'auto.offset.reset': 'earliest, assigned by hand',
        'retention.ms': `${RETENTION_MS} in the scenarios of retention`,
        'segment.ms': `${SMALL_SEGMENTS.configs['segment.ms']} where segments are small; Kafka’s default is 7 days`,
      },
    },
  ],
  code,
  // Loaded when they are taken: a worker of a campaign needs none of it.
  figures: async (context) => (await import('./figures/figures.ts')).storageFigures(context),
  limits: [
    'Files of tens of MiB on one machine’s disk: everything fits the page cache, and whatever lies below it (a host’s cache, a network) answers for the rest. Figures of the disk are of this disk on this day.',
    'Loopback instead of a network, without TLS: with TLS the bytes have to come through user space, and sendfile is of no use.',
    'The log without an index is the same log told to make an entry never. Nobody runs it so.',
    'The rate of writes is of batches that were made beforehand: it shows the broker and not a producer.',
  ],
};
