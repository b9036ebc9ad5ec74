/**
 * What a placeholder of a lab's template turns into. Inline ones become words; pictures, tables, witnesses, code and
 * verdict boxes are blocks and stand alone on their line.
 *
 * Invariant: a name that the run data do not hold is a problem that says the name and the allowed ones. What was placed
 * is remembered, so that the report can add what the template forgot.
 */
import { markdownText } from './escape.ts';
import { formatFigure, formatFigureFully, formatNumber, formatSpread } from './format.ts';
import { chartBlock, codeBlock, tableBlock, verdictBox, witnessBlock } from './markdown-blocks.ts';
import type { LabRunData } from './run-data.ts';
import { lintDigits, parseTemplate, replacePlaceholders, type SectionName, TemplateError } from './template.ts';

export type FilledTemplate = {
  /** Markdown of each section that the template has. */
  readonly sections: ReadonlyMap<SectionName, string>;
  /** `chart:drain`, `witness:order`, `table:…` that stand in the text. */
  readonly placed: ReadonlySet<string>;
};

type Filled = string | { readonly problem: string };

function named<T>(
  entries: Readonly<Record<string, T>>,
  kind: string,
  name: string,
  use: (entry: T, name: string) => Filled,
): Filled {
  const entry = Object.hasOwn(entries, name) ? entries[name] : undefined;
  if (entry !== undefined) return use(entry, name);
  return { problem: `no ${kind} named "${name}"; allowed: ${Object.keys(entries).join(', ') || 'none in this run'}` };
}

const blockKinds = ['chart', 'table', 'witness', 'code'];
const kinds = ['figure', 'verdict', 'claim', 'runs', 'version', 'setting', 'given', ...blockKinds];

function fillOne(run: LabRunData, kind: string, name: string, form: string | undefined, alone: boolean): Filled {
  if (blockKinds.includes(kind) && !alone) return { problem: 'a block stands alone on its line' };
  if (form !== undefined && kind !== 'figure') return { problem: `|${form} is for figures only` };
  const claims = Object.fromEntries(run.claims.map((claim) => [claim.id, claim]));
  const rows = run.verdicts.filter((row) => row.claim === name);
  const judged = Object.fromEntries(run.verdicts.map((row) => [row.claim, row]));
  switch (kind) {
    case 'figure':
      return named(run.figures, 'figure', name, (figure) => {
        switch (form) {
          case undefined:
            return formatFigure(figure);
          case 'full':
            return formatFigureFully(figure);
          case 'spread':
            return formatSpread(figure);
          case 'value':
            return formatNumber(figure.value);
          default:
            return { problem: `unknown form |${form}; forms: full, spread, value` };
        }
      });
    case 'verdict':
      // A claim of the lab that this run's targets do not bear on.
      if (rows.length === 0 && Object.hasOwn(claims, name)) return '**not judged in this run**';
      return named(judged, 'verdict', name, (row) => (alone ? verdictBox(run, name) : `**${row.claimVerdict}**`));
    case 'runs':
      return named(judged, 'verdict', name, () => formatNumber(rows.reduce((sum, row) => sum + row.runs, 0)));
    case 'claim':
      return named(claims, 'claim', name, (claim) => markdownText(claim.text));
    case 'version':
      return named(run.versions, 'version', name, markdownText);
    case 'setting':
      return named(run.settings, 'setting', name, markdownText);
    case 'given':
      return name === '' ? { problem: 'nothing given' } : markdownText(name);
    case 'chart':
      return named(run.charts, 'chart', name, (chart) => chartBlock(run.lab, name, chart));
    case 'table':
      return named(run.tables, 'table', name, (table) => tableBlock(table, run.figures));
    case 'witness':
      if (run.witnessesAbsent?.includes(name))
        return '_This run has no counterexample here: see which targets it was made on._';
      return named(run.witnesses, 'witness', name, (witness) => witnessBlock(run.lab, name, witness));
    case 'code':
      return named(run.code ?? {}, 'code', name, codeBlock);
    default:
      return { problem: `unknown kind "${kind}"; kinds: ${kinds.join(', ')}` };
  }
}

/** Checks a template without keeping the result: every problem as a line of text, none when it is well. */
export function templateProblems(run: LabRunData, text: string): string[] {
  const problems: string[] = [];
  fill(run, text, problems);
  return problems;
}

/** Fills a template from run data; throws TemplateError with every problem. */
export function fillTemplate(run: LabRunData, text: string, origin: string): FilledTemplate {
  const problems: string[] = [];
  const filled = fill(run, text, problems);
  if (problems.length > 0) throw new TemplateError(origin, problems);
  return filled;
}

function fill(run: LabRunData, text: string, problems: string[]): FilledTemplate {
  const template = parseTemplate(text, problems);
  lintDigits(text, problems);
  const placed = new Set<string>();
  const sections = new Map<SectionName, string>();
  for (const section of template.values()) {
    const lines = section.lines.map((line, index) => {
      const alone = /^\{\{[^{}]*\}\}$/.test(line.trim());
      return replacePlaceholders(
        line,
        section.line + 1 + index,
        (kind, name, form) => {
          placed.add(`${kind}:${name}`);
          return fillOne(run, kind, name, form, alone);
        },
        problems,
      );
    });
    sections.set(section.name, lines.join('\n').trim());
  }
  return { sections, placed };
}
