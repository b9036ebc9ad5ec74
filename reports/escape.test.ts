/** Escaping against the parser itself: whatever the text, the reader sees that text and no markup. */
import { fc, test } from '@fast-check/vitest';
import MarkdownIt from 'markdown-it';
import { expect } from 'vitest';
import { escapeXml, markdownCellCode, markdownCode, markdownFence, markdownText } from './escape.ts';
import { markdownTable } from './markdown-blocks.ts';

const parser = new MarkdownIt({ html: true });
const nasty = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '`',
        '``',
        '|',
        '\\',
        '*',
        '_',
        '<b>',
        '<!--',
        '&amp;',
        '[a](b)',
        '![',
        '~~',
        '# ',
        '- ',
        '1. ',
        '> ',
        '\n',
        ' ',
        '$',
        '://',
        '=',
        '{{figure:x}}',
      ),
      fc.string({ unit: 'grapheme', maxLength: 4 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

/** What is left of a text on one line. */
const oneLine = (text: string) =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are replaced
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]/g, '\ufffd')
    .replace(/\s+/g, ' ')
    .trim();

/** Texts of the leaves, or undefined when anything but text and the allowed code span is there. */
function seen(markdown: string, leaf: 'text' | 'code_inline'): string | undefined {
  const tokens = parser.parse(markdown, {});
  const inline = tokens.filter((token) => token.type === 'inline');
  if (tokens.length !== 3 || inline.length !== 1 || tokens[0]?.type !== 'paragraph_open') return undefined;
  const children = inline[0]?.children ?? [];
  if (!children.every((child) => child.type === leaf || child.type === 'text_special' || child.content === ''))
    return undefined;
  return children.map((child) => child.content).join('');
}

test.prop([nasty])('text stays text', (text) => {
  fc.pre(oneLine(text) !== '');
  expect(seen(markdownText(text), 'text')).toBe(oneLine(text));
});

test.prop([nasty])('code stays code', (text) => {
  fc.pre(oneLine(text) !== '');
  expect(seen(markdownCode(text), 'code_inline')).toBe(oneLine(text));
});

test.prop([fc.array(fc.tuple(nasty, nasty), { minLength: 1, maxLength: 4 })])('a table keeps its cells', (rows) => {
  const table = markdownTable(
    [{ name: 'a' }, { name: 'b' }],
    rows.map(([text, code]) => [markdownText(text), markdownCellCode(code)]),
  );
  const tokens = parser.parse(`${table}\n`, {});
  expect(tokens.filter((token) => token.type === 'td_open')).toHaveLength(rows.length * 2);
  expect(tokens.filter((token) => token.type === 'tr_open')).toHaveLength(rows.length + 1);
});

test.prop([nasty])('a fence holds its text', (text) => {
  const tokens = parser.parse(`${markdownFence(text, 'sh')}\n`, {});
  expect(tokens.map((token) => token.type)).toEqual(['fence']);
});

test.prop([nasty])('XML has no markup left', (text) => {
  expect(escapeXml(text)).not.toMatch(/[<>"']|&(?!(?:amp|lt|gt|quot|#39);)/);
});
