/** The lab's tables: the plan for the notes' inputs beside the notes, every load that was run, and bytes on disk. */

import type { LoadResult } from '@mqlab/bench/load/run-load.ts';
import { formatFigure } from '@mqlab/reports/index.ts';
import type { Table, TableCell } from '@mqlab/reports/run-data.ts';
import type { CapacityMeasured } from './measure.ts';
import type { Plan } from './plan.ts';

export function planTable(plan: Plan): Table {
  return {
    title: 'The plan for the example of the notes, beside the notes',
    columns: [
      { name: 'What' },
      { name: 'Plan', align: 'right' },
      { name: 'Label' },
      { name: 'Notes', align: 'right' },
      { name: 'How' },
    ],
    rows: plan.sections.flatMap(({ title, lines }) =>
      lines.map(({ words, figure, notes, missing }): TableCell[] => [
        `${title}: ${words}`,
        figure === null ? '–' : formatFigure(figure),
        figure === null ? 'missing' : figure.label,
        notes === undefined ? '' : formatFigure(notes),
        figure === null ? (missing ?? '') : (figure.source ?? ''),
      ]),
    ),
    note: "The notes' own figures are borrowed from them, whatever stands in the column Label.",
  };
}

function loadRow(result: LoadResult, kind: string): TableCell[] {
  const { workload, latency } = result;
  const ms = (value: number | undefined): TableCell => (value === undefined ? null : value);
  return [
    kind,
    workload.recordBytes === 'real' ? 'real' : String(workload.recordBytes),
    workload.acks,
    workload.partitions,
    workload.producers,
    workload.replicationFactor,
    Math.round(result.recordsPerSecond),
    Number((result.bytesPerSecond / 1e6).toPrecision(3)),
    ms(latency?.p50Ms),
    ms(latency?.p99Ms),
    ms(latency?.p999Ms),
    ms(latency?.maxMs),
    result.unfinished + result.failed,
    result.cpuSecondsPerGb === null ? null : Number(result.cpuSecondsPerGb.toPrecision(3)),
  ];
}

export function sweepTable(taken: CapacityMeasured): Table {
  const rows = taken.sizes.flatMap(({ pairs, open }) => [
    ...pairs.map((pair) => loadRow(pair.a, 'ceiling (null sink)')),
    ...pairs.map((pair) => loadRow(pair.b, 'maximum')),
    ...open.map(({ fraction, result }) => loadRow(result, `open loop, ${Math.round(fraction * 100)} %`)),
  ]);
  for (const { a, b } of taken.partitionPairs) rows.push(loadRow(a, 'maximum'), loadRow(b, 'maximum'));
  rows.push(...taken.sweep.map((result) => loadRow(result, 'maximum')));
  if (taken.endToEnd !== null) rows.push(loadRow(taken.endToEnd, 'open loop with a consumer'));
  return withoutConstants(['Producers', 'Replicas'], {
    title: 'Every load of this run',
    columns: [
      { name: 'Load' },
      { name: 'Record', unit: 'B', align: 'right' },
      { name: 'acks' },
      { name: 'Partitions', align: 'right' },
      { name: 'Producers', align: 'right' },
      { name: 'Replicas', align: 'right' },
      { name: 'Through', unit: 'records/s', align: 'right' },
      { name: 'Through', unit: 'MB/s', align: 'right' },
      { name: 'p50', unit: 'ms', align: 'right' },
      { name: 'p99', unit: 'ms', align: 'right' },
      { name: 'p99.9', unit: 'ms', align: 'right' },
      { name: 'Max', unit: 'ms', align: 'right' },
      { name: 'Lost or late', align: 'right' },
      { name: 'Broker', unit: 's per GB', align: 'right' },
    ],
    rows,
    note: 'Latencies are of open loops only: in a closed loop they would say how patient the generator is. With acks=0 "through" is what was handed to the socket. One producer and one replica where no column says otherwise.',
  });
}

/** Leaves out those of these columns that hold 1 in every row. */
function withoutConstants(names: readonly string[], table: Table): Table {
  const keeps = table.columns.map(({ name }, at) => !names.includes(name) || table.rows.some((row) => row[at] !== 1));
  const kept = <T>(cells: readonly T[]): T[] => cells.filter((_, at) => keeps[at]);
  return { ...table, columns: kept(table.columns), rows: table.rows.map(kept) };
}

export function diskTable(taken: CapacityMeasured): Table {
  return {
    title: 'What a record takes on disk',
    columns: [
      { name: 'Compression' },
      { name: 'Records', align: 'right' },
      { name: 'Values', unit: 'B a record', align: 'right' },
      { name: 'Segments', unit: 'B a record', align: 'right' },
      { name: 'Indexes', unit: 'B a record', align: 'right' },
      { name: 'Factor', align: 'right' },
    ],
    rows: taken.disk.map(({ compression, records, valueBytes, logBytes, indexBytes }) => [
      compression,
      records,
      valueBytes / records,
      Number((logBytes / records).toPrecision(4)),
      Number((indexBytes / records).toPrecision(2)),
      Number(((logBytes + indexBytes) / valueBytes).toPrecision(3)),
    ]),
    note: `Values: ${taken.payload}. Compression works on whole batches, so it hangs on what the records have in common.`,
  };
}
