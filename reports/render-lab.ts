/**
 * The study report of one lab: its template's words in nine fixed sections, and between them everything that the run
 * decided. Pure: the same run data and the same template give the same bytes.
 *
 * Invariant: nothing of the run is left out because the template forgot it: counterexamples go to section 3, other
 * charts and tables to the appendix.
 */
import { markdownCellCode, markdownCode, markdownText } from './escape.ts';
import {
  formatChange,
  formatFigure,
  formatFigureFully,
  formatInstant,
  formatNumber,
  formatQuantity,
  formatSpread,
} from './format.ts';
import {
  chartBlock,
  claimVerdictText,
  exercisedText,
  markdownTable,
  runVerdictText,
  tableBlock,
  verdictBox,
  witnessBlock,
} from './markdown-blocks.ts';
import { fillTemplate } from './placeholders.ts';
import type { Figure, LabRunData, RunData } from './run-data.ts';
import type { SectionName } from './template.ts';

export type LabText = { readonly template: string; readonly origin: string };

export function renderLab(run: LabRunData, text: LabText): string {
  const { sections, placed } = fillTemplate(run, text.template, text.origin);
  const prose = (name: SectionName) => sections.get(name) ?? '';
  const parts: string[] = [
    `# ${markdownText(run.title)}`,
    '## 1 The question',
    `> ${markdownText(run.question)}`,
    '### The 30-second answer',
    prose('short-answer'),
    summaryLine(run),
    '### The three-minute answer',
    prose('long-answer'),
    '## 2 Verdicts',
    prose('verdicts'),
    ...judgedClaims(run).map((claim) => verdictBox(run, claim)),
    '## 3 The minimal counterexample',
    prose('counterexample'),
    ...counterexamples(run, placed),
    '## 4 Why',
    prose('why'),
    '## 5 The fix',
    prose('fix'),
    fixTable(run),
    '## 6 What the fix does not fix',
    prose('not-fixed'),
    '## 7 Its price',
    prose('price'),
    priceTable(run),
    '## 8 Follow-up questions',
    prose('follow-ups'),
    clientTables(run),
    '## 9 Appendix',
    prose('appendix'),
    ...leftOver(run, placed),
    ...environment(run),
    figureTable(run.figures),
    limits(run.limits),
    history(run),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

/** Claims with a verdict, in the order of `claims`. */
export function judgedClaims(run: LabRunData): string[] {
  const judged = new Set(run.verdicts.map((row) => row.claim));
  return run.claims.map((claim) => claim.id).filter((id) => judged.has(id));
}

function summaryLine(run: LabRunData): string {
  const words = judgedClaims(run).map((id) => {
    const row = run.verdicts.find((entry) => entry.claim === id);
    return row === undefined ? '' : `${id} ${claimVerdictText(row.claimVerdict)}`;
  });
  return words.length === 0 ? '' : `**Verdicts:** ${words.join(' · ')}`;
}

function counterexamples(run: LabRunData, placed: ReadonlySet<string>): string[] {
  const names = Object.keys(run.witnesses);
  if (names.length === 0)
    return [
      'No run of this lab broke an invariant: there is no counterexample to show. That is evidence for the runs above and no proof.',
    ];
  return names
    .filter((name) => !placed.has(`witness:${name}`))
    .map((name) => witnessBlock(run.lab, name, run.witnesses[name]!));
}

function fixTable(run: LabRunData): string {
  const rows = run.verdicts.filter((row) => row.variant === 'after');
  if (rows.length === 0) return '';
  const table = markdownTable(
    [
      { name: 'Claim' },
      { name: 'Target' },
      { name: 'Client' },
      { name: 'With the fix' },
      { name: 'Runs', align: 'right' },
      { name: 'Seed' },
      { name: 'Exercised (runs that reached it)' },
    ],
    rows.map((row) => [
      row.claim,
      markdownText(row.target),
      markdownText(row.client),
      runVerdictText(row.verdict),
      formatNumber(row.runs),
      markdownCellCode(row.seed),
      exercisedText(row),
    ]),
  );
  return `**The same plans with the fix, and random plans after them**\n\n${table}`;
}

function priceTable(run: LabRunData): string {
  const rows = run.price ?? [];
  if (rows.length === 0) return '';
  const side = (figure: Figure) => `${formatFigure(figure)} ${formatSpread(figure)}`.trim();
  return markdownTable(
    [
      { name: 'Metric' },
      { name: 'Before', align: 'right' },
      { name: 'After', align: 'right' },
      { name: 'Change', align: 'right' },
    ],
    rows.map((row) => {
      const before = run.figures[row.before];
      const after = run.figures[row.after];
      if (before === undefined || after === undefined)
        throw new Error('price names no figure: run data were not checked');
      return [markdownText(row.metric), side(before), side(after), formatChange(before, after)];
    }),
  );
}

function clientTables(run: LabRunData): string {
  const clients = run.clients ?? [];
  if (clients.length === 0) return '';
  const rows = clients.flatMap((client) =>
    Object.entries(client.settings).map(([key, value]) => [
      markdownText(`${client.name} ${client.version}`),
      markdownCellCode(key),
      markdownCellCode(value),
    ]),
  );
  return `### Settings of each client\n\n${markdownTable([{ name: 'Client' }, { name: 'Setting' }, { name: 'Value' }], rows)}`;
}

function leftOver(run: LabRunData, placed: ReadonlySet<string>): string[] {
  const charts = Object.entries(run.charts).filter(([name]) => !placed.has(`chart:${name}`));
  const tables = Object.entries(run.tables).filter(([name]) => !placed.has(`table:${name}`));
  const blocks = [
    ...charts.map(([name, chart]) => chartBlock(run.lab, name, chart)),
    ...tables.map(([, table]) => tableBlock(table, run.figures)),
  ];
  return blocks.length === 0 ? [] : ['### More from this run', ...blocks];
}

/** Machine, versions and settings: also used by benchmark pages. */
export function environment(run: RunData): string[] {
  const machine = run.machine;
  const rows: [string, string][] = [
    ['Started', formatInstant(run.startedAt)],
    ...(run.durationMs === undefined ? [] : [['Took', formatQuantity(run.durationMs, 'ms')] as [string, string]]),
    ['Processor', `${markdownText(machine.cpu)}, ${formatNumber(machine.cores)} cores`],
    ['Memory', formatQuantity(machine.memoryBytes, 'bytes')],
    ['System', markdownText(machine.kernel)],
    ['Node.js', markdownText(machine.node)],
    ...Object.entries(run.versions).map(([name, version]): [string, string] => [
      markdownText(name),
      markdownText(version),
    ]),
    ...Object.entries(run.settings).map(([name, value]): [string, string] => [
      markdownCellCode(name),
      markdownCellCode(value),
    ]),
  ];
  return ['### Environment', markdownTable([{ name: 'What' }, { name: 'Value' }], rows)];
}

export function figureTable(figures: Readonly<Record<string, Figure>>): string {
  const entries = Object.entries(figures);
  if (entries.length === 0) return '';
  const table = markdownTable(
    [{ name: 'Figure' }, { name: 'Value', align: 'right' }, { name: 'Label' }, { name: 'Source' }],
    entries.map(([name, figure]) => [
      markdownCellCode(name),
      formatFigureFully({ ...figure, label: 'measured' }),
      figure.label,
      markdownText(figure.source ?? ''),
    ]),
  );
  return `### Every figure of this run\n\n${table}`;
}

export function limits(sentences: readonly string[]): string {
  if (sentences.length === 0) return '';
  return `### Limits\n\n${sentences.map((sentence) => `- ${markdownText(sentence)}`).join('\n')}`;
}

function history(run: LabRunData): string {
  const hashes = [...new Set(run.verdicts.map((row) => row.historyHash).filter((hash) => hash !== ''))];
  const hashLine = hashes.length === 0 ? '' : `History hashes: ${hashes.map(markdownCode).join(', ')}`;
  const excerpt = run.history;
  if (excerpt === undefined) return hashLine === '' ? '' : `### History\n\n${hashLine}`;
  const table = markdownTable(
    [{ name: 'ms', align: 'right' }, { name: 'Process' }, { name: 'Type' }, { name: 'Operation' }, { name: 'Value' }],
    excerpt.operations.map((operation) => [
      formatNumber(operation.timeMs),
      markdownText(operation.process),
      operation.type,
      markdownText(operation.operation),
      markdownCellCode(operation.value),
    ]),
  );
  const shown = `${formatNumber(excerpt.operations.length)} of ${formatNumber(excerpt.total)} operations. ${markdownText(excerpt.note)}`;
  return ['### History', hashLine, shown, table].filter((part) => part !== '').join('\n\n');
}
