/**
 * The one offline page: all reports as articles, a table of contents, light and dark. Everything is inside the file and
 * a content security policy forbids it to load anything, so it may be mailed, archived and opened from a disk.
 */
import { readFileSync } from 'node:fs';
import { darkRules } from '../charts/theme.ts';
import { escapeXml } from '../escape.ts';
import { type Fragment, type PageDocument, renderFragment } from './markdown-page.ts';

const styleSheet = readFileSync(new URL('./page.css', import.meta.url), 'utf8');
const script = readFileSync(new URL('./page.js', import.meta.url), 'utf8');

export type Page = {
  readonly title: string;
  /** The index first, then the reports. */
  readonly documents: readonly PageDocument[];
  /** SVG by the path that the Markdown uses. */
  readonly charts: ReadonlyMap<string, string>;
};

function contents(fragments: readonly Fragment[]): string {
  const entries = fragments.map(({ headings }) => {
    const [top, ...rest] = headings;
    if (top === undefined) return '';
    const inner = rest
      .filter((heading) => heading.level === 2)
      .map((heading) => `<li><a href="#${escapeXml(heading.id)}">${escapeXml(heading.text)}</a></li>`)
      .join('');
    const link = `<a href="#${escapeXml(top.id)}">${escapeXml(top.text)}</a>`;
    return inner === ''
      ? `<li>${link}</li>`
      : `<li><details><summary>${link}</summary><ul>${inner}</ul></details></li>`;
  });
  return `<ul>${entries.join('\n')}</ul>`;
}

function darkStyle(): string {
  return [
    `@media (prefers-color-scheme:dark){${darkRules(':root:not([data-theme=light]) .chart')}}`,
    darkRules(':root[data-theme=dark] .chart'),
  ].join('\n');
}

export function renderPage(page: Page): string {
  const fragments = page.documents.map((document) => renderFragment(document, page.charts));
  const articles = fragments.map((fragment) => `<article>\n${fragment.html}</article>`).join('\n');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>${escapeXml(page.title)}</title>
<style>
${styleSheet}
${darkStyle()}
</style>
</head>
<body>
<header><a class="brand" href="#top">${escapeXml(page.title)}</a><button id="theme" type="button" aria-label="Colour theme">Theme: system</button></header>
<div class="columns" id="top">
<nav aria-label="Contents"><details id="contents" open><summary>Contents</summary>
${contents(fragments)}
</details></nav>
<main>
${articles}
</main>
</div>
<script>
${script}
</script>
</body>
</html>
`;
}
