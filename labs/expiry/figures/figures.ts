/** The lab's figures: one outage drawn and counted, from the simulator; where each client begins and what the cure costs, from real processes. */
import type { HeatMapChart, Tone } from '@mqlab/reports/chart-spec.ts';
import { kcatVersion } from '../../auto-commit/table/kcat.ts';
import { CLIENT_NAMES } from '../../kit/drivers/driver.ts';
import { clientTitle } from '../../kit/drivers/versions.ts';
import type { FigureContext, LabFigures } from '../../kit/lab.ts';
import type { TargetKind } from '../../kit/targets/target.ts';
import { BROKER_SETTINGS } from '../run.ts';
import { ledgerFigures } from './ledger.ts';
import { measurePrice } from './price.ts';
import { type Began, CASE_NAMES, CASE_TITLES, measureResets, type ResetRow } from './reset-table.ts';

export async function expiryFigures(context: FigureContext): Promise<LabFigures> {
  const { progress, input } = context;
  progress('one outage, counted');
  const ledger = await ledgerFigures(context);
  // Libraries run on real processes only, whatever the scenarios ran on; retention must be the lab's own.
  const kind: TargetKind = 'local';
  const target = await context.open(kind, BROKER_SETTINGS);
  try {
    progress('where each client begins');
    const rows = await measureResets(target, input);
    progress('price');
    const price = await measurePrice(target, context);
    const cells = rows.flatMap(({ cells }) => CASE_NAMES.map((name) => cells[name]));
    const count = (began: Began) => ({
      value: cells.filter((cell) => cell.began === began).length,
      unit: 'count',
      label: 'measured' as const,
      source: 'cells of the truth table',
    });
    return {
      figures: {
        ...ledger.figures,
        ...price.figures,
        'resets.end': count('end'),
        'resets.first': count('first left'),
        'resets.error': count('error'),
      },
      charts: { ...ledger.charts, resets: resetChart(rows, kind) },
      tables: ledger.tables,
      price: price.price,
      limits: kcatVersion() === null ? ['kcat is not installed here: the rows of librdkafka are missing.'] : [],
    };
  } finally {
    await target.close();
  }
}

const TONES: Readonly<Record<Began, Tone>> = { end: 'bad', 'first left': 'warn', error: 'good', nothing: 'neutral' };

function resetChart(rows: readonly ResetRow[], kind: TargetKind): HeatMapChart {
  const clients = [...CLIENT_NAMES.map(clientTitle), kcatVersion() ?? 'no librdkafka'].join(', ');
  return {
    type: 'heatmap',
    title: 'Where a client begins when its offset is of no use',
    caption:
      'End: what is in the log is jumped over. First left: what was deleted is missing. Error: the application decides. None of the first two says anything to the application.',
    source: `measured, ${kind} target, each client on a topic and in a group of its own; ${clients}`,
    x: { name: 'the committed offset', unit: '' },
    y: { name: 'client and setting', unit: '' },
    value: { name: 'begins', unit: '' },
    columns: CASE_TITLES,
    rows: rows.map(({ title }) => title),
    cells: rows.flatMap(({ cells }, row) =>
      CASE_NAMES.map((name, column) => {
        const cell = cells[name];
        return { column, row, value: null, text: cell.began, tone: TONES[cell.began] };
      }),
    ),
  };
}
