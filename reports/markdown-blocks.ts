/**
 * Blocks of Markdown that reports share: tables, verdict boxes, counterexamples, pictures. Each is a pure function of
 * run data and ends without a newline.
 *
 * Invariant: they read well as plain Markdown; the page recognises the same blocks by their first sign (`verdictSigns`)
 * and adds colour, so colour never carries anything that the word does not say.
 */
import type { ChartSpec, Tone } from './chart-spec.ts';
import { markdownCellCode, markdownCode, markdownFence, markdownText } from './escape.ts';
import { formatFigureFully, formatNumber } from './format.ts';
import type {
  ClaimVerdict,
  CodeExcerpt,
  Figure,
  LabRunData,
  RunVerdict,
  Table,
  TableCell,
  VerdictRow,
  Witness,
} from './run-data.ts';

export const verdictSigns: Readonly<Record<ClaimVerdict, string>> = {
  confirmed: '✔',
  refuted: '✘',
  outdated: '↺',
  conditional: '◐',
  'not measurable here': '∅',
  inconclusive: '?',
};

const runSigns: Readonly<Record<RunVerdict, string>> = {
  holds: '✔',
  violated: '✘',
  'legal anomaly': '◇',
  inconclusive: '?',
  measured: '▪',
};

export const toneSigns: Readonly<Record<Tone, string>> = { good: '✔', bad: '✘', warn: '▲', accent: '●', neutral: '' };

export function claimVerdictText(verdict: ClaimVerdict): string {
  return `${verdictSigns[verdict]} ${verdict}`;
}

export function runVerdictText(verdict: RunVerdict): string {
  return `${runSigns[verdict]} ${verdict}`;
}

export type Column = { readonly name: string; readonly align?: 'left' | 'right' };

/** A table from cells that are already Markdown. */
export function markdownTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(columns.map((column) => column.name)),
    line(columns.map((column) => (column.align === 'right' ? '---:' : '---'))),
    ...rows.map(line),
  ].join('\n');
}

function cellText(cell: TableCell, figures: Readonly<Record<string, Figure>>): string {
  if (cell === null) return '–';
  if (typeof cell === 'number') return formatNumber(cell);
  if (typeof cell === 'string') return markdownText(cell);
  if ('figure' in cell) {
    const figure = figures[cell.figure];
    if (figure === undefined) throw new Error(`no figure named ${cell.figure}: run data were not checked`);
    return formatFigureFully(figure);
  }
  return `${toneSigns[cell.tone]} ${markdownText(cell.text)}`.trim();
}

export function tableBlock(table: Table, figures: Readonly<Record<string, Figure>>): string {
  const columns = table.columns.map((column, index): Column => {
    const isNumeric =
      table.rows.length > 0 && table.rows.every((row) => typeof row[index] === 'number' || row[index] === null);
    const unit = column.unit === undefined || column.unit === '' ? '' : ` (${markdownText(column.unit)})`;
    return { name: `${markdownText(column.name)}${unit}`, align: column.align ?? (isNumeric ? 'right' : 'left') };
  });
  const body = markdownTable(
    columns,
    table.rows.map((row) => row.map((cell) => cellText(cell, figures))),
  );
  const note = table.note === undefined ? '' : `\n\n*${markdownText(table.note)}*`;
  return `**${markdownText(table.title)}**\n\n${body}${note}`;
}

/** Path of a picture, relative to the report. Names of labs hold no dot, so no two pictures share a path. */
export function chartPath(report: string, name: string): string {
  return `charts/${report}.${name}.svg`;
}

export function chartBlock(report: string, name: string, chart: ChartSpec): string {
  const caption = chart.caption === undefined ? '' : `\n\n*${markdownText(chart.caption)}*`;
  return `![${markdownText(chart.title)}](${chartPath(report, name)})${caption}`;
}

/** Name of a witness's picture among the charts of its report. */
export function witnessChartName(name: string): string {
  return `witness-${name}`;
}

export function witnessBlock(report: string, name: string, witness: Witness): string {
  const faults = witness.plan.filter((step) => step.kind === 'fault').length;
  const operations = witness.plan.length - faults;
  const shrunk = witness.shrunkFrom === undefined ? '' : `, shrunk from ${formatNumber(witness.shrunkFrom)} steps`;
  const count = (amount: number, one: string) => `${amount} ${one}${amount === 1 ? '' : 's'}`;
  return [
    `**${markdownText(witness.title)}** (${witness.claim}, ${witness.variant}, ${markdownText(witness.target)} target, ${markdownText(witness.client)})`,
    witness.story.map((line, index) => `${index + 1}. ${markdownText(line)}`).join('\n'),
    `✘ **${markdownText(witness.finding.checker)}**: ${markdownText(witness.finding.detail)}`,
    `![${markdownText(`Timeline: ${witness.title}`)}](${chartPath(report, witnessChartName(name))})`,
    `The plan (${count(operations, 'operation')}, ${count(faults, 'fault')}${shrunk}), seed ${markdownCode(witness.seed)}:`,
    markdownFence(witness.plan.map((step) => `${step.kind === 'fault' ? '!' : ' '} ${step.text}`).join('\n'), 'text'),
    'Replay it:',
    markdownFence(witness.replay, 'sh'),
  ].join('\n\n');
}

export function codeBlock(code: CodeExcerpt): string {
  return `${markdownCode(code.path)}\n\n${markdownFence(code.text, code.language)}`;
}

function quoted(text: string): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? '>' : `> ${line}`))
    .join('\n');
}

export function exercisedText(row: VerdictRow): string {
  if (row.exercised.length === 0) return 'no goals';
  return row.exercised
    .map((goal) => `${markdownText(goal.goal)} ${formatNumber(goal.reached)}/${formatNumber(goal.of)}`)
    .join(', ');
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}

/** The box of one claim: verdict first, then the words of the claim, scope, runs and the command. */
export function verdictBox(run: LabRunData, claimId: string): string {
  const claim = run.claims.find((entry) => entry.id === claimId);
  const rows = run.verdicts.filter((row) => row.claim === claimId);
  const first = rows[0];
  if (claim === undefined || first === undefined)
    throw new Error(`no verdict on ${claimId}: run data were not checked`);
  const hasScenarios = rows.some((row) => row.scenario !== undefined);
  const table = markdownTable(
    [
      { name: 'Variant' },
      ...(hasScenarios ? [{ name: 'Scenario' }] : []),
      { name: 'Found' },
      { name: 'Expected' },
      { name: 'Runs', align: 'right' },
      { name: 'Target' },
      { name: 'Client' },
      { name: 'Seed' },
      { name: 'Version' },
    ],
    rows.map((row) => [
      row.variant,
      ...(hasScenarios ? [markdownText(row.scenario ?? '')] : []),
      runVerdictText(row.verdict) + findingsText(row),
      row.expected === row.verdict ? 'as expected' : `**${row.expected}**`,
      formatNumber(row.runs),
      markdownText(row.target),
      markdownText(row.client),
      markdownCellCode(row.seed),
      markdownText(row.version),
    ]),
  );
  return quoted(
    [
      `**${verdictSigns[first.claimVerdict]} ${claim.id} · ${first.claimVerdict}**`,
      markdownText(claim.text),
      ...unique(rows.map((row) => row.scope)).map((scope) => `**Scope:** ${markdownText(scope)}`),
      table,
      ...exercisedLines(rows),
      'Replay:',
      markdownFence(replayLines(rows), 'sh'),
    ].join('\n\n'),
  );
}

/** Which "sometimes" goals the runs reached: a line for each row that has goals, rows that say the same together. */
function exercisedLines(rows: readonly VerdictRow[]): string[] {
  const lines = new Map<string, string[]>();
  for (const row of rows)
    if (row.exercised.length > 0) {
      const text = exercisedText(row);
      lines.set(text, [...(lines.get(text) ?? []), `${row.variant}, ${markdownText(row.target)}`]);
    }
  return [...lines].map(([text, where]) => `**Exercised** (${unique(where).join('; ')}): ${text}`);
}

/** The commands, each once, below a comment that says which rows it replays. */
function replayLines(rows: readonly VerdictRow[]): string {
  const commands = unique(rows.map((row) => row.replay));
  if (commands.length === 1) return commands[0] ?? '';
  return commands
    .map((command) => {
      const what = rows
        .filter((row) => row.replay === command)
        .map((row) => `${row.variant}, ${row.target}, ${row.client}`);
      return `# ${unique(what).join('; ').replace(/\s+/g, ' ')}\n${command}`;
    })
    .join('\n');
}

function findingsText(row: VerdictRow): string {
  return row.findings === undefined || row.findings.length === 0
    ? ''
    : `: ${row.findings.map(markdownText).join(', ')}`;
}
