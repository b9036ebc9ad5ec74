import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { compileTopicRegex } from './topic-regex.ts';

function matches(regex: string, name: string): boolean {
  const { matcher, problem } = compileTopicRegex(regex);
  if (matcher === null) throw new Error(problem);
  return matcher.matches(name);
}

test('the whole name has to match', () => {
  expect(matches('orders', 'orders')).toBe(true);
  expect(matches('orders', 'orders-eu')).toBe(false);
  expect(matches('^orders.*$', 'orders-eu')).toBe(true);
  expect(matches('', '')).toBe(true);
  expect(matches('', 'a')).toBe(false);
});

test('RE2 syntax', () => {
  expect(matches('a|bc|', 'bc')).toBe(true);
  expect(matches('(?i)ORDERS-\\d{2,3}', 'orders-123')).toBe(true);
  expect(matches('(?i:O)rders', 'Orders')).toBe(true);
  expect(matches('(?P<region>eu|us)\\.[[:alpha:]]+', 'eu.orders')).toBe(true);
  expect(matches('[^a-c_]+?', 'xyz')).toBe(true);
  expect(matches('[]a]', ']')).toBe(true);
  expect(matches('\\Qa.b\\E', 'a.b')).toBe(true);
  expect(matches('\\Qa.b\\E', 'axb')).toBe(false);
  expect(matches('\\p{Lu}\\pL*\\x2d\\x{31}', 'Ab-1')).toBe(true);
  expect(matches('.*\\bx\\b.*', 'a.x.b')).toBe(true);
  expect(matches('a{,2}', 'a{,2}')).toBe(true);
});

test.each([
  '(',
  ')',
  '[a',
  'a**',
  '*',
  '(?=a)',
  '(?<!a)',
  '(a)\\1',
  '\\',
  'a{2,1}',
  'a{1001}',
  '[b-a]',
  '\\p{Foo}',
  '(?x:a)',
])('%s is refused', (regex) => {
  expect(compileTopicRegex(regex).problem).not.toBeNull();
});

test('an expression that makes backtracking explode takes no time, one that grows is refused', () => {
  expect(matches('(a+)+$', `${'a'.repeat(248)}!`)).toBe(false);
  expect(matches('(a|a|aa)*b', 'a'.repeat(249))).toBe(false);
  expect(compileTopicRegex('((a{1000}){1000}){1000}').problem).toBe('expression too large');
  expect(compileTopicRegex('('.repeat(5000)).problem).not.toBeNull();
});

const regexes = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\w', '^', '$', '\\b'),
    fc.tuple(tie('node'), tie('node')).map(([a, b]) => `${a}${b}`),
    fc.tuple(tie('node'), tie('node')).map(([a, b]) => `(${a}|${b})`),
    fc.tuple(tie('node'), fc.constantFrom('*', '+', '?', '{2}', '{1,3}', '*?')).map(([a, sign]) => `(?:${a})${sign}`),
  ),
})).node;

property.prop([regexes, fc.string({ unit: fc.constantFrom('a', 'b', '-'), maxLength: 8 })])(
  "it says what JavaScript's engine says",
  (regex, name) => {
    expect(matches(regex, name)).toBe(new RegExp(`^(?:${regex})$`).test(name));
  },
);

property.prop([fc.string()])('any text compiles or is refused', (text) => {
  compileTopicRegex(text);
});
