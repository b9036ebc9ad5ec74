/**
 * A lab's words: a Markdown template (`text.en.md` beside the lab's code) cut into sections, checked, and filled in from
 * run data. `README.md` lists the sections and placeholders for authors.
 *
 * Invariants: a placeholder that names nothing fails with its name and the allowed ones; no digit of a result is ever
 * typed (`lintDigits`). All problems of a template are reported together, with line numbers.
 *
 * Leaves to others: what a placeholder turns into (`placeholders.ts`), and the order of the report (`render-lab.ts`).
 */

/** Sections of a template, in the order of the report. Required ones must be there and must not be empty. */
export const templateSections = {
  'short-answer': { required: true, about: 'what to say in 30 seconds' },
  'long-answer': { required: true, about: 'what to say in three minutes' },
  verdicts: { required: false, about: 'words before the verdict boxes' },
  counterexample: { required: false, about: 'words before the minimal counterexample' },
  why: { required: true, about: 'the invariant, where it broke, the code that decides it' },
  fix: { required: true, about: 'the fix, and the same plan again' },
  'not-fixed': { required: true, about: 'what the fix does not fix' },
  price: { required: true, about: 'what the fix costs' },
  'follow-ups': { required: true, about: 'follow-up questions with answers' },
  appendix: { required: false, about: 'words before the environment and the history' },
} as const;

export type SectionName = keyof typeof templateSections;

export class TemplateError extends Error {
  readonly problems: readonly string[];

  constructor(origin: string, problems: readonly string[]) {
    super(`${origin}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'TemplateError';
    this.problems = problems;
  }
}

export type Section = { readonly name: SectionName; readonly line: number; readonly lines: readonly string[] };
export type Template = ReadonlyMap<SectionName, Section>;

const sectionHeading = /^##\s+\{\{section:([^}]*)\}\}\s*$/;

function isSectionName(name: string): name is SectionName {
  return Object.hasOwn(templateSections, name);
}

/** Cuts a template into its sections; problems go to the list. */
export function parseTemplate(text: string, problems: string[]): Template {
  const sections = new Map<SectionName, { name: SectionName; line: number; lines: string[] }>();
  let current: { name: SectionName; line: number; lines: string[] } | undefined;
  text.split(/\r?\n/).forEach((line, index) => {
    const number = index + 1;
    const name = sectionHeading.exec(line)?.[1]?.trim();
    if (name !== undefined) {
      if (!isSectionName(name)) {
        problems.push(
          `line ${number}: unknown section "${name}"; sections: ${Object.keys(templateSections).join(', ')}`,
        );
        current = undefined;
        return;
      }
      if (sections.has(name)) problems.push(`line ${number}: section "${name}" is there twice`);
      current = { name, line: number, lines: [] };
      sections.set(name, current);
    } else if (current !== undefined) {
      if (/^#{1,2}\s/.test(line))
        problems.push(`line ${number}: a section's own headings begin at ###: "${line.trim()}"`);
      current.lines.push(line);
    } else if (line.trim() !== '' && sections.size === 0)
      problems.push(`line ${number}: text before the first "## {{section:…}}"`);
  });
  for (const [name, { required }] of Object.entries(templateSections) as [SectionName, { required: boolean }][]) {
    const section = sections.get(name);
    if (required && section === undefined) problems.push(`section "${name}" is missing`);
    else if (required && section?.lines.every((line) => line.trim() === ''))
      problems.push(`line ${section.line}: section "${name}" is empty`);
  }
  return sections;
}

const placeholder = /\{\{\s*([a-z-]+):([^}|]*)(?:\|([a-z]+))?\s*\}\}/g;

/** Replaces each placeholder of a line; anything else in double braces is a problem. */
export function replacePlaceholders(
  line: string,
  number: number,
  fill: (kind: string, name: string, form: string | undefined) => string | { readonly problem: string },
  problems: string[],
): string {
  const filled = line.replace(placeholder, (whole: string, kind: string, name: string, form: string | undefined) => {
    const result = fill(kind, name.trim(), form);
    if (typeof result === 'string') return result;
    problems.push(`line ${number}: ${whole}: ${result.problem}`);
    return '';
  });
  for (const stray of line.replace(placeholder, '').matchAll(/\{\{[^}]*(?:\}\})?/g))
    problems.push(`line ${number}: "${stray[0]}" is not a placeholder; write {{kind:name}}`);
  return filled;
}

const bareNumberSpan = /^[\s~≈<>=+−-]*\p{Nd}[\p{Nd}., _]*\s*[\p{L}%µ/×]*$/u;

/**
 * Refuses typed digits. Digits may stand in code (not a code span that is nothing but a number), in placeholders, in
 * claim ids, in heading and list numbers and in link targets. A constant from the question is `{{given:1,000}}`.
 */
export function lintDigits(text: string, problems: string[]): void {
  let fence: string | undefined;
  text.split(/\r?\n/).forEach((line, index) => {
    const fenceHere = /^\s*(`{3,}|~{3,})/.exec(line)?.[1];
    if (fenceHere !== undefined) {
      if (fence === undefined) fence = fenceHere;
      else if (fenceHere.startsWith(fence)) fence = undefined;
      return;
    }
    if (fence !== undefined) return;
    const where = `line ${index + 1}`;
    const rest = line
      .replace(placeholder, ' ')
      .replace(/(`+)(.+?)\1(?!`)/g, (span, _ticks: string, content: string) => {
        if (bareNumberSpan.test(content))
          problems.push(`${where}: ${span} is a number in a code span; quote a {{figure:…}} or write {{given:…}}`);
        return ' ';
      })
      .replace(/\]\([^)]*\)/g, ']')
      .replace(/^#+\s+\d+(?:\.\d+)*\.?\s/, '# ')
      .replace(/^\s*\d+[.)]\s/, '')
      .replace(/\bC\d{2,3}\b/g, ' ');
    const digit = /\p{Nd}/u.exec(rest);
    if (digit !== null) {
      const context = rest.slice(Math.max(0, digit.index - 20), digit.index + 20).trim();
      problems.push(
        `${where}: typed digit in "${context}"; quote a {{figure:…}}, or {{given:…}} for a constant of the question`,
      );
    }
  });
}
