/** Templates: unknown names and typed results are refused, by name and line. */
import { expect, test } from 'vitest';
import { templateProblems } from './placeholders.ts';
import { lintDigits } from './template.ts';
import { orderingRun, orderingText } from './test/fixture.ts';

const problemsOf = (text: string) => templateProblems(orderingRun, text);

function digitProblems(line: string): number {
  const problems: string[] = [];
  lintDigits(line, problems);
  return problems.length;
}

test('a good template has no problem', () => {
  expect(problemsOf(orderingText)).toEqual([]);
});

test('an unknown figure is named, with the allowed ones and its line', () => {
  const [problem, ...others] = problemsOf(orderingText.replace('{{figure:throughput.before}}', '{{figure:thruput}}'));
  expect(others).toEqual([]);
  expect(problem).toContain('line 4: {{figure:thruput}}: no figure named "thruput"; allowed: throughput.before, ');
});

test.each([
  ['{{chart:nope}}', 'no chart named "nope"; allowed: throughput, price'],
  ['{{verdict:C99}}', 'no verdict named "C99"; allowed: C74, C75, C12'],
  ['{{witness:nope}}', 'no witness named "nope"; allowed: order'],
  ['{{table:nope}}', 'no table named "nope"; allowed: policies'],
  ['{{code:nope}}', 'no code named "nope"; allowed: before'],
  ['{{figure:constructor}}', 'no figure named "constructor"'],
  ['{{sparkline:x}}', 'unknown kind "sparkline"'],
  ['{{figure:p99.after|huge}}', 'unknown form |huge; forms: full, spread, value'],
  ['see {{chart:drain}} here', 'a block stands alone on its line'],
  ['{{ figure p99 }}', 'is not a placeholder'],
])('%s is refused', (text, message) => {
  expect(problemsOf(`${orderingText}\n${text}\n`).join('\n')).toContain(message);
});

test('what a run of fewer targets has not is told, and is no problem', () => {
  const fewer = {
    ...orderingRun,
    claims: [...orderingRun.claims, { ...orderingRun.claims[0]!, id: 'C33' }],
    witnessesAbsent: ['elsewhere'],
  };
  const text = `${orderingText}\n{{witness:elsewhere}}\nC33 is {{verdict:C33}}\n`;
  expect(templateProblems(fewer, text)).toEqual([]);
  expect(templateProblems(fewer, `${text}{{witness:nope}}`).join()).toContain('no witness named "nope"');
});

test('sections: missing, empty, unknown, twice', () => {
  expect(problemsOf(orderingText.replace('## {{section:why}}', '### Why'))).toEqual(['section "why" is missing']);
  expect(problemsOf('## {{section:short-answer}}\n').join('\n')).toContain('section "short-answer" is empty');
  expect(problemsOf(`${orderingText}\n## {{section:extra}}\n`).join('\n')).toContain(
    'unknown section "extra"; sections: short-answer,',
  );
  expect(problemsOf(`${orderingText}\n## {{section:why}}\ntext\n`).join('\n')).toContain(
    'section "why" is there twice',
  );
});

test.each([
  'It took 953 ms.',
  'about 10 times faster',
  'p99',
  'It took `953 ms`.',
  'It took `~1,200 records/s`',
  '| 12 | x |',
  '### Faster by 3',
  'It took ٣ ms',
])('typed result refused: %s', (line) => {
  expect(digitProblems(line)).toBe(1);
});

test.each([
  'no digits at all',
  'see C74 and C105',
  'set `acks=1` and `linger.ms=5`',
  'took {{figure:p99.before}} with {{given:4}} workers',
  '## 3 The minimal counterexample',
  '2. second of a list',
  '[KIP](https://example.org/KIP-848)',
  '```\nacks=1\n12 ms\n```',
])('not a typed result: %s', (line) => {
  expect(digitProblems(line)).toBe(0);
});
