/** The lab's figures: the pictures and what was stored, from the simulator; what each client does, and the price, from real broker processes. */
import type { Figure, Table, TableCell } from '@mqlab/reports/run-data.ts';
import type { FigureContext, LabFigures } from '../../kit/lab.ts';
import { PATIENCE_MS } from '../run.ts';
import { type ClientAnswer, type ClientRow, QUESTIONS, type Question } from './client-table.ts';
import { measurePrice } from './price.ts';
import { drawSequences } from './sequence.ts';

export async function duplicateFigures(context: FigureContext): Promise<LabFigures> {
  context.progress('sequence diagrams');
  const sequences = await drawSequences(context);
  context.progress('price');
  const price = await measurePrice(context);
  const rows = context.observed as readonly ClientRow[];
  return {
    figures: { ...sequences.figures, ...price.figures, ...clientFigures(rows) },
    charts: { ...sequences.charts, ...price.charts },
    tables: { ...sequences.tables, clients: clientTable(rows) },
    price: price.price,
  };
}

const WORDS: Readonly<Record<Question, string>> = {
  default: 'answer lost, defaults',
  idempotent: 'answer lost, idempotent',
  keyless: 'the same, no key',
  again: 'application sends again, idempotent',
  restart: 'process restarted, idempotent',
};

function cellOf(answer: ClientAnswer | undefined): TableCell {
  if (answer === undefined) return '';
  const { copies, told } = answer;
  const more = told === 'ok' ? '' : `, told: ${told}`;
  if (copies === 1) return { text: `once${more}`, tone: 'good' };
  return { text: `${copies} times${more}`, tone: 'bad' };
}

function clientTable(rows: readonly ClientRow[]): Table {
  return {
    title: 'How often the record stands in the log',
    columns: [
      { name: 'client' },
      { name: 'acks by default' },
      { name: 'idempotent by default' },
      ...QUESTIONS.map((question) => ({ name: WORDS[question] })),
    ],
    rows: rows.map(({ title, defaults, answers }): readonly TableCell[] => {
      const isOlder = answers.idempotent === undefined;
      return [
        title,
        isOlder ? '1' : (defaults.acks ?? ''),
        isOlder ? 'false' : (defaults['enable.idempotence'] ?? ''),
        ...QUESTIONS.map((question) => cellOf(answers[question])),
      ];
    }),
    note: 'One real broker process; the answer to one Produce is dropped together with its connection, after another record was acknowledged over it. A run a cell.',
  };
}

function clientFigures(rows: readonly ClientRow[]): Record<string, Figure> {
  const figures: Record<string, Figure> = {
    'clients.patience': {
      value: PATIENCE_MS.local,
      unit: 'ms',
      label: 'given',
      source: 'how long the impatient application waits on real processes',
    },
  };
  for (const { client, answers } of rows) {
    const { idempotent } = answers;
    if (idempotent === undefined) continue;
    figures[`clients.retry.${client}`] = {
      value: idempotent.tookMs,
      unit: 'ms',
      label: 'measured',
      source: 'from the send whose answer was lost to the acknowledgement of its retry, idempotent, one run',
    };
  }
  return figures;
}
