/** A plan as text for a terminal: a line a number, its label beside it, the notes' figure in its own column, how it came to be below what does not fit. Pure. */

import type { MeasuredBy } from '@mqlab/labs/capacity/measured-figures.ts';
import type { Plan, PlanLine } from '@mqlab/labs/capacity/plan.ts';
import { formatFigure } from '@mqlab/reports/index.ts';

const WIDTH_MIN = 72;
const WIDTH_MAX = 140;
const LABEL_WIDTH = 8;
const VALUE_WIDTH = 16;
const NOTES_WIDTH = 11;
/** Narrower than this, how a number came to be stands below it. */
const HOW_WIDTH_MIN = 44;

export interface PrintOptions {
  readonly columns: number;
  readonly color: boolean;
}

function plain(text: string): string {
  return text.replaceAll('\u00a0', ' ');
}

/** Words broken into lines no wider than `width`. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}

const COLORS: Readonly<Record<string, string>> = {
  measured: '\u001b[32m',
  derived: '\u001b[36m',
  borrowed: '\u001b[33m',
  given: '\u001b[90m',
  missing: '\u001b[31m',
};

export function planText(plan: Plan, by: MeasuredBy, options: PrintOptions): string {
  const width = Math.max(WIDTH_MIN, Math.min(WIDTH_MAX, options.columns)) - 1;
  const paint = (code: string, text: string): string => (options.color ? `${code}${text}\u001b[0m` : text);
  const bold = (text: string): string => paint('\u001b[1m', text);
  const wordsWidth = Math.min(44, width - 2 - VALUE_WIDTH - 2 - LABEL_WIDTH - 1 - NOTES_WIDTH - 1);
  const howWidth = width - 2 - wordsWidth - VALUE_WIDTH - 2 - LABEL_WIDTH - 2 - NOTES_WIDTH - 2;
  const hasHowColumn = howWidth >= HOW_WIDTH_MIN;
  const out: string[] = [];

  const row = ({ words, figure, notes, missing }: PlanLine): void => {
    const label = figure === null ? 'missing' : figure.label;
    const value = figure === null ? '–' : plain(formatFigure(figure));
    const says = notes === undefined ? '' : plain(formatFigure(notes));
    const how = figure === null ? (missing ?? '') : (figure.source ?? '');
    // Inputs explain themselves; which of them are defaults is said in their words.
    const shownHow = label === 'given' ? '' : how;
    const shownWords = label === 'given' && how === 'default' ? `${words} (default)` : words;
    const wordLines = wrapped(shownWords, wordsWidth);
    const howLines = hasHowColumn ? wrapped(shownHow, howWidth) : [];
    for (let i = 0; i < Math.max(1, wordLines.length, howLines.length); i++) {
      const isFirst = i === 0;
      const cells = [
        `  ${(wordLines[i] ?? '').padEnd(wordsWidth)}`,
        (isFirst ? value : '').padStart(VALUE_WIDTH),
        `  ${paint(COLORS[label] ?? '', (isFirst ? label : '').padEnd(LABEL_WIDTH))}`,
        `  ${(isFirst ? says : '').padStart(NOTES_WIDTH)}`,
        hasHowColumn ? `  ${howLines[i] ?? ''}` : '',
      ];
      out.push(cells.join('').trimEnd());
    }
    if (!hasHowColumn && shownHow !== '')
      for (const each of wrapped(shownHow, width - 6)) out.push(paint('\u001b[90m', `      ${each}`));
  };

  const head = (title: string): string => {
    const left = bold(title.padEnd(2 + wordsWidth + VALUE_WIDTH + 2 + LABEL_WIDTH + 2));
    return `${left}${paint('\u001b[90m', 'the notes'.padStart(NOTES_WIDTH))}`;
  };

  for (const { title, lines } of plan.sections) {
    const hasNotes = lines.some(({ notes }) => notes !== undefined);
    out.push(hasNotes ? head(title) : bold(title));
    for (const each of lines) row(each);
    out.push('');
  }
  const { machine } = by;
  const gib = (machine.memoryBytes / 2 ** 30).toFixed(0);
  out.push(bold('Where the numbers come from'));
  const from: readonly (readonly [string, string])[] = [
    [
      'measured',
      `on ${machine.cpu}, ${machine.cores} cores, ${gib} GiB, ${machine.kernel}, Node.js ${machine.node}, on ${by.at.slice(0, 10)} at ${by.at.slice(11, 16)} UTC, by: ${by.command}`,
    ],
    ['derived', 'from the lines above it, by the formula that stands beside it'],
    ['borrowed', 'from whom is said; the column "the notes" is borrowed from them whole, by their formula'],
    ['given', "by you, or this tool's default where it says so"],
  ];
  for (const [label, text] of from) {
    const [first = '', ...rest] = wrapped(text, width - 4 - LABEL_WIDTH);
    out.push(
      `  ${paint(COLORS[label] ?? '', label.padEnd(LABEL_WIDTH))}  ${first}`,
      ...rest.map((each) => `${' '.repeat(4 + LABEL_WIDTH)}${each}`),
    );
  }
  out.push('', bold('Limits'));
  for (const limit of plan.limits) {
    const [first = '', ...rest] = wrapped(limit, width - 4);
    out.push(`  - ${first}`, ...rest.map((each) => `    ${each}`));
  }
  return `${out.join('\n')}\n`;
}
