/** What a build promises: the same bytes, escaped payloads, nothing left out, refusal by name. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildReports, renderReports } from './build.ts';
import { extractCode } from './code-excerpt.ts';
import { escapeXml, markdownCode, markdownText } from './escape.ts';
import { formatChange, formatFigureFully, formatQuantity, formatSpread } from './format.ts';
import { benchRunSchema } from './run-data.ts';
import { hostile, hostileRun, microRun, orderingRun } from './test/fixture.ts';

test('builds every file of the reports', () => {
  const outDir = mkdtempSync(join(tmpdir(), 'mqlab-reports-'));
  try {
    const written = buildReports({ runs: [orderingRun, microRun], outDir });
    expect(written).toContain('ordering.md');
    expect(written).toContain('bench-micro.md');
    expect(written).toContain('charts/ordering.witness-order.svg');
    expect(readdirSync(outDir).sort()).toEqual([
      'bench-micro.md',
      'charts',
      'data',
      'index.html',
      'index.md',
      'ordering.md',
    ]);
    // from the written data alone the same reports come again, and a picture that is gone is removed
    const { drain: _gone, ...charts } = orderingRun.charts;
    const text = { en: orderingRun.text.en!.replace('{{chart:drain}}', '') };
    buildReports({ runs: [{ ...orderingRun, charts, text }, microRun], outDir });
    expect(readdirSync(join(outDir, 'charts'))).not.toContain('ordering.drain.svg');
    const before = readFileSync(join(outDir, 'index.html'), 'utf8');
    buildReports({ runDataDir: join(outDir, 'data'), outDir });
    expect(readFileSync(join(outDir, 'index.html'), 'utf8')).toBe(before);
  } finally {
    rmSync(outDir, { recursive: true });
  }
});

test('the same data give the same bytes, in any order', () => {
  const one = renderReports([orderingRun, microRun]);
  const other = renderReports([structuredClone(microRun), structuredClone(orderingRun)]);
  expect([...other]).toEqual([...one]);
});

test('a lab report has its nine sections, boxes first, and every picture', () => {
  const markdown = renderReports([orderingRun]).get('ordering.md')!;
  expect(markdown.match(/^## \d .*$/gm)).toEqual([
    '## 1 The question',
    '## 2 Verdicts',
    '## 3 The minimal counterexample',
    '## 4 Why',
    '## 5 The fix',
    '## 6 What the fix does not fix',
    '## 7 Its price',
    '## 8 Follow-up questions',
    '## 9 Appendix',
  ]);
  expect(markdown).toContain('> **✔ C74 · confirmed**');
  expect(markdown).toContain('from 1,240\u00a0records/s\nto 4,310\u00a0records/s (4,102–4,489, n = 5)');
  expect(markdown).toContain('mqlab lab run ordering --target sim --seed 8123476512 --replay C74.before.7fa2');
  for (const name of Object.keys(orderingRun.charts))
    expect(markdown.split(`charts/ordering.${name}.svg`)).toHaveLength(2);
  expect(markdown.split('charts/ordering.witness-order.svg')).toHaveLength(2);
});

test('the index has a row for each claim and lab, grouped', () => {
  const index = renderReports([orderingRun, microRun]).get('index.md')!;
  expect(index.match(/^\| C\d+ \|/gm)).toHaveLength(3);
  expect(index.indexOf('## 3 Topics')).toBeLessThan(index.indexOf('## 9 Living'));
  expect(index).toContain('[ordering](ordering.md)');
  expect(index).toContain('[Micro-benchmarks](bench-micro.md)');
});

test('the summary of the index says which lab says what where labs differ, and only there', () => {
  const other = {
    ...orderingRun,
    lab: 'backlog',
    verdicts: orderingRun.verdicts.map((row) => ({
      ...row,
      lab: 'backlog',
      claimVerdict: row.claim === 'C74' ? ('conditional' as const) : row.claimVerdict,
    })),
  };
  const index = renderReports([orderingRun, other]).get('index.md')!;
  const line = (verdict: string): string => index.split('\n').find((each) => each.startsWith(`| ${verdict}`))!;
  expect(line('✔ confirmed')).toBe('| ✔ confirmed | 1 | C74 ([ordering](ordering.md)) |');
  expect(line('◐ conditional')).toBe('| ◐ conditional | 2 | C74 ([backlog](backlog.md)), C75 |');
  expect(line('✘ refuted')).toBe('| ✘ refuted | 1 | C12 |');
  expect(index).toContain('Labs differ on C74, each');
  expect(renderReports([orderingRun]).get('index.md')!).not.toContain('Labs differ');
});

test('hostile text stays text in Markdown, SVG and HTML', () => {
  const files = renderReports([hostileRun()]);
  for (const [path, content] of files) {
    if (path.endsWith('.svg')) {
      expect(content, path).not.toMatch(/<script|<img/i);
    } else if (path.endsWith('.md')) {
      // code keeps the text as it is; outside it nothing may look like a tag or a link
      const prose = content.replace(/^( *>? *)(`{3,})[\s\S]*?^\1\2$/gm, '').replace(/(`+)(?:(?!\1).)+?\1(?!`)/g, '');
      expect(prose, path).not.toMatch(/<script|<img|[^\\]\]\(javascript/i);
    } else if (path === 'index.html') {
      expect(content.match(/<script/g)).toHaveLength(1);
      expect(content).not.toMatch(/<img|href="javascript/i);
      expect(content).toContain('&lt;script&gt;window.pwned=1&lt;/script&gt;');
    }
  }
});

test('escaping leaves the text readable', () => {
  expect(escapeXml('a<b>&"\'\u0000')).toBe('a&lt;b&gt;&amp;&quot;&#39;\ufffd');
  expect(markdownText('- a|b\n*c*')).toBe('\\- a\\|b \\*c\\*');
  expect(markdownCode('a`b')).toBe('``a`b``');
  expect(markdownText(hostile)).not.toContain('<');
});

test('numbers: three digits, scaled units, spread in the unit of the value', () => {
  expect(formatQuantity(1_234_567, 'bytes/s')).toBe('1.23\u00a0MB/s');
  expect(formatQuantity(0.0421, 'ms')).toBe('42.1\u00a0µs');
  expect(formatQuantity(1.834, 'ratio')).toBe('1.83×');
  expect(formatQuantity(12, 'count')).toBe('12');
  expect(formatSpread({ value: 2e6, min: 1.9e6, max: 2.1e6, unit: 'bytes', samples: 7 })).toBe('(1.9–2.1, n = 7)');
  const figure = { value: 10, unit: 'ms', label: 'derived' as const };
  expect(formatFigureFully(figure)).toBe('10\u00a0ms (derived)');
  expect(formatChange(figure, { ...figure, value: 9 })).toBe('−10\u00a0%');
  expect(formatChange(figure, { ...figure, value: 35 })).toBe('3.5×');
  expect(formatChange(figure, { ...figure, unit: 's' })).toBe('–');
});

test('code is cut from its source by anchors', () => {
  const source = 'a();\n  // #excerpt commit\n  b();\n    c();\n  // #end\n';
  expect(extractCode(source, 'x.ts', 'commit')).toEqual({ path: 'x.ts', language: 'ts', text: 'b();\n  c();' });
  expect(() => extractCode(source, 'x.ts', 'other')).toThrow('no excerpt "other"; excerpts: commit');
});

test('a lab without a text in the language is refused', () => {
  expect(() => renderReports([orderingRun], { language: 'fi' })).toThrow('no text in language "fi"; languages: en');
  expect(microRun.schema).toBe(benchRunSchema);
});
