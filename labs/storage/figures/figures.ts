/** The lab's figures: lookups and index files, fetches by sendfile and by copy, the folder of a partition, and the disk under it. Small files in a temporary folder that is removed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BarChart } from '@mqlab/reports/chart-spec.ts';
import type { Figure } from '@mqlab/reports/run-data.ts';
import { clientTitle } from '../../kit/drivers/versions.ts';
import type { FigureContext, FigureVerdict, LabFigures } from '../../kit/lab.ts';
import type { Conclusion } from '../../kit/verdict.ts';
import { type DiskFigures, measureDisk } from './disk.ts';
import { LOOKUP_WAYS, type LookupWay, measureLookups } from './lookups.ts';
import { measureTransfers } from './transfer.ts';

const FIGURE_CLAIMS = ['C50', 'C51', 'C52', 'C55', 'C56', 'C57', 'C58'] as const;
const CLAIMED = { sequentialBytes: 600e6, writes: 2e6 } as const;
/** Orders of magnitude, in the plural: more than one. */
const ORDERS_MIN = 20;

export async function storageFigures({ progress, input, profile }: FigureContext): Promise<LabFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'mqlab-storage-'));
  try {
    progress('lookups with and without an index');
    const lookups = measureLookups(folder, input);
    progress('the same fetch by sendfile and by copy');
    const transfer = await measureTransfers(folder, input, profile);
    progress('the disk');
    const disk = measureDisk(folder, profile);
    const figures: Record<string, Figure> = {
      ...lookups,
      ...transfer.figures,
      ...disk.figures,
      'claimed.sequential': { value: CLAIMED.sequentialBytes, unit: 'bytes/s', label: 'borrowed', source: 'the claim' },
      'claimed.writes': { value: CLAIMED.writes, unit: 'records/s', label: 'borrowed', source: 'the claim' },
    };
    return {
      figures,
      charts: {
        'lookup-time': lookupChart(figures, 'us', 'Time to find an offset', 'time a lookup', 'µs'),
        'lookup-bytes': lookupChart(figures, 'bytes', 'Bytes read to find an offset', 'read a lookup', 'bytes'),
        'fetch-rate': fetchChart(figures, 'rate', 'The same fetch: throughput', 'throughput', 'MB/s', 1e6),
        'fetch-cpu': fetchChart(
          figures,
          'cpu',
          'The same fetch: the broker’s processor time',
          'processor time',
          'cpu-s/GB',
          1,
        ),
        disk: diskChart(figures, disk),
      },
      tables: transfer.tables,
      price: [
        { metric: 'a fetch: by copy → by sendfile', before: 'fetch.rate.copy', after: 'fetch.rate.sendfile' },
        {
          metric: 'processor of the broker: by copy → by sendfile',
          before: 'fetch.cpu.copy',
          after: 'fetch.cpu.sendfile',
        },
        { metric: 'a lookup: segment names → and index', before: 'lookup.us.names', after: 'lookup.us.index' },
        {
          metric: 'a lookup, bytes: segment names → and index',
          before: 'lookup.bytes.names',
          after: 'lookup.bytes.index',
        },
      ],
      verdicts: FIGURE_CLAIMS.map(
        (claim): FigureVerdict => ({
          claim,
          target: 'local',
          client: clientTitle('mqlab'),
          variant: 'after',
          expected: 'measured',
          verdict: 'measured',
          runs: 1,
        }),
      ),
      conclusions: conclusionsOf(figures, disk),
      limits: disk.limits,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function conclusionsOf(figures: Readonly<Record<string, Figure>>, { isColdKnown }: DiskFigures): Conclusion[] {
  const of = (name: string): number => figures[name]!.value;
  const isSparse = of('index.wrong') === 0 && of('index.step') >= 4096 && of('index.step') < 8192;
  const isQuicker = of('lookup.us.index') < of('lookup.us.names') && of('lookup.us.names') < of('lookup.us.whole');
  const reaches = of('disk.write.seq.device') >= CLAIMED.sequentialBytes;
  const isCheap = of('fetch.cpu.ratio') > 1.2;
  return [
    {
      claim: 'C50',
      verdict: 'confirmed',
      scope:
        'as its folder shows; besides the three there are producer snapshots, leader epochs and the topic’s id, and indexes of aborted transactions where there are any',
    },
    {
      claim: 'C51',
      verdict: isSparse ? 'confirmed' : 'refuted',
      scope:
        'read from the files: an entry after every 4 KiB of batches at the earliest, so batches that are larger each get one; the offset is that of the batch’s last record, relative to the segment’s base',
    },
    {
      claim: 'C52',
      verdict: isQuicker ? 'confirmed' : 'refuted',
      scope:
        'the same log with each aid cut away, offsets at random; the broker keeps the list of segments in memory, so names are compared there and not in the folder',
    },
    {
      claim: 'C55',
      verdict: 'conditional',
      scope: `here sequential writing down to the device ${reaches ? 'reaches' : 'does not reach'} the claimed rate; random writing is slower by ${ORDERS_MIN} times or more ${slowWhere(of)}; a virtual disk`,
    },
    {
      claim: 'C56',
      verdict: isCheap ? 'confirmed' : 'refuted',
      scope:
        'large fetches from the page cache over loopback without TLS; the copy costs processor time first of all, throughput follows where the processor is what is short',
    },
    {
      claim: 'C57',
      verdict: of('writes.rate') >= CLAIMED.writes ? 'confirmed' : 'conditional',
      scope:
        'records in large batches made beforehand, one partition, one broker on this machine’s shared cores, client included, no flush, no replication: a figure of batches, of which there are a thousandth as many',
    },
    {
      claim: 'C58',
      verdict: 'not measurable here',
      scope: `needs a hard disk and a solid-state disk side by side; this machine has one virtual disk${isColdKnown ? ', of which sequential and random access are shown' : ''}`,
    },
  ];
}

function slowWhere(of: (name: string) => number): string {
  if (of('disk.ratio.cache') >= ORDERS_MIN) return 'in each of the ways that were tried';
  if (of('disk.ratio.device') >= ORDERS_MIN) return 'down to the device, and not into the page cache';
  if (of('disk.ratio.each') >= ORDERS_MIN) return 'only where each write is flushed by itself';
  return 'nowhere';
}

function lookupChart(
  figures: Readonly<Record<string, Figure>>,
  metric: 'us' | 'bytes',
  title: string,
  name: string,
  unit: string,
): BarChart {
  const ways = Object.keys(LOOKUP_WAYS) as LookupWay[];
  const of = (way: LookupWay): Figure => figures[`lookup.${metric}.${way}`]!;
  return {
    type: 'bar',
    title,
    caption: 'The scale is logarithmic: each aid is worth about an order of magnitude or more.',
    source: (of('index').source ?? '').replace(/^[^;]*segment names and index; /, ''),
    x: { name: 'what the log has for it', unit: '' },
    y: { name, unit, scale: 'log' },
    categories: ways.map((way) => LOOKUP_WAYS[way].title),
    series: [
      {
        name,
        values: ways.map((way) => of(way).value),
        ...(metric === 'us' ? { min: ways.map((way) => of(way).min!), max: ways.map((way) => of(way).max!) } : {}),
      },
    ],
  };
}

function fetchChart(
  figures: Readonly<Record<string, Figure>>,
  metric: 'rate' | 'cpu',
  title: string,
  name: string,
  unit: string,
  by: number,
): BarChart {
  const both = ['copy', 'sendfile'].map((way) => figures[`fetch.${metric}.${way}`]!);
  return {
    type: 'bar',
    title,
    source: both[0]!.source ?? '',
    x: { name: 'how the bytes go from file to socket', unit: '' },
    y: { name, unit },
    categories: ['copied through user space', 'sendfile'],
    series: [
      {
        name,
        values: both.map(({ value }) => value / by),
        min: both.map(({ min }) => min! / by),
        max: both.map(({ max }) => max! / by),
      },
    ],
  };
}

const DISK_BARS: Readonly<Record<string, string>> = {
  'write.seq.cache': 'write, sequential, page cache',
  'write.random.cache': 'write, random, page cache',
  'write.seq.device': 'write, sequential, one flush',
  'write.random.device': 'write, random, one flush',
  'write.random.each': 'write, random, a flush each',
  'read.seq.hot': 'read, sequential, hot',
  'read.random.hot': 'read, random, hot',
  'read.seq.cold': 'read, sequential, cold',
  'read.random.cold': 'read, random, cold',
};

function diskChart(figures: Readonly<Record<string, Figure>>, { isColdKnown }: DiskFigures): BarChart {
  const names = Object.keys(DISK_BARS).filter((name) => isColdKnown || !name.endsWith('.cold'));
  const of = (name: string): Figure => figures[`disk.${name}`]!;
  return {
    type: 'bar',
    title: 'What this disk does, and what the page cache makes of it',
    caption: 'The scale is logarithmic. A virtual disk: what is called device may be the host’s memory.',
    source: of('write.seq.cache').source ?? '',
    x: { name: 'access', unit: '' },
    y: { name: 'throughput', unit: 'MB/s', scale: 'log' },
    horizontal: true,
    categories: names.map((name) => DISK_BARS[name]!),
    series: [
      {
        name: 'throughput',
        values: names.map((name) => of(name).value / 1e6),
        min: names.map((name) => of(name).min! / 1e6),
        max: names.map((name) => of(name).max! / 1e6),
      },
    ],
  };
}
