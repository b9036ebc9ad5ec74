/**
 * Markdown reports to HTML fragments of the one page: markdown-it with `html: false`, so that markup in a payload is
 * text. What the Markdown says by sign and word (a verdict box, a cell's tone) gets a class here; pictures are put
 * inline; links between reports become anchors.
 *
 * Invariant: the fragment loads nothing: the only images are charts of this build, and their SVG is written into it.
 */
import MarkdownIt from 'markdown-it';
import { escapeXml } from '../escape.ts';
import { toneSigns, verdictSigns } from '../markdown-blocks.ts';

type Token = ReturnType<InstanceType<typeof MarkdownIt>['parse']>[number];

export type PageDocument = {
  /** Anchor of the document and prefix of its headings' anchors: the file name without `.md`. */
  readonly id: string;
  readonly markdown: string;
};

export type Heading = { readonly id: string; readonly level: number; readonly text: string };
export type Fragment = { readonly html: string; readonly headings: readonly Heading[] };

const boxStart = new RegExp(
  `^\\*\\*[${Object.values(verdictSigns).join('')}] C\\d+ · (${Object.keys(verdictSigns).join('|')})\\*\\*`,
);

const signClasses: readonly (readonly [sign: string, className: string])[] = [
  [verdictSigns.confirmed, 'good'],
  [verdictSigns.refuted, 'bad'],
  [verdictSigns.conditional, 'warn'],
  [verdictSigns.outdated, 'warn'],
  [toneSigns.warn, 'warn'],
  [toneSigns.accent, 'accent'],
  ['◇', 'accent'],
  [verdictSigns['not measurable here'], 'mute'],
  [`${verdictSigns.inconclusive} `, 'mute'],
];

export function slug(text: string): string {
  const made = text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-+|-+$/g, '');
  return made === '' ? 'part' : made;
}

function plainText(token: Token | undefined): string {
  return (token?.children ?? [])
    .map((child) => (child.type === 'text' || child.type === 'code_inline' ? child.content : ''))
    .join('');
}

/** The anchor that a link of a report means inside the page; undefined for the world outside. */
function anchorOf(documentId: string, href: string): string | undefined {
  const match = /^(?:([\w-]+)\.md)?(?:#(.+))?$/.exec(href);
  if (match === null || href === '') return undefined;
  const target = match[1] ?? documentId;
  return match[2] === undefined ? `#${target}` : `#${target}--${match[2]}`;
}

/**
 * SVG as a file to SVG in a page: the page's own style sheet does the dark colours. On a narrow screen a picture scrolls
 * in its frame rather than shrink its text below reading: to four fifths of its drawn size at the least.
 */
function inlined(svg: string): string {
  const width = Number(/ width="([\d.]+)"/.exec(svg)?.[1] ?? 0);
  return svg
    .replace(/<style>[\s\S]*?<\/style>/, '')
    .replace('<svg ', `<svg style="min-width:${Math.round(width * 0.8)}px" `)
    .trim();
}

/** A command wraps between its words, not inside `--target`. */
function wordsKept(code: string): string {
  return code
    .split(' ')
    .map((word) =>
      /^-./.test(word) && word.length <= 24 ? `<span class="word">${escapeXml(word)}</span>` : escapeXml(word),
    )
    .join(' ');
}

export function renderFragment(document: PageDocument, charts: ReadonlyMap<string, string>): Fragment {
  const markdown = new MarkdownIt({
    html: false,
    linkify: false,
    typographer: false,
    highlight: (code, language) => (language === 'sh' ? code.split('\n').map(wordsKept).join('\n') : escapeXml(code)),
  });
  const headings: Heading[] = [];
  const used = new Set<string>();
  markdown.core.ruler.push('report', (state) => {
    state.tokens.forEach((token, index) => {
      const inline = state.tokens[index + 1];
      if (token.type === 'heading_open') {
        const level = Number(token.tag.slice(1));
        const text = plainText(inline);
        let id = level === 1 ? document.id : `${document.id}--${slug(text)}`;
        for (let copy = 2; used.has(id); copy++) id = `${document.id}--${slug(text)}-${copy}`;
        used.add(id);
        headings.push({ id, level, text });
        token.attrSet('id', id);
        token.tag = `h${Math.min(6, level + 1)}`;
      } else if (token.type === 'heading_close') token.tag = `h${Math.min(6, Number(token.tag.slice(1)) + 1)}`;
      else if (token.type === 'blockquote_open') {
        const first = state.tokens[index + 2];
        const verdict = first?.type === 'inline' ? boxStart.exec(first.content)?.[1] : undefined;
        token.attrSet('class', verdict === undefined ? 'question' : `verdict verdict-${slug(verdict)}`);
      } else if (token.type === 'td_open') {
        const content = inline?.type === 'inline' ? inline.content : '';
        const found = signClasses.find(([sign]) => content.startsWith(sign));
        if (found !== undefined) token.attrJoin('class', `tone-${found[1]}`);
        if (/^`/.test(content)) token.attrJoin('class', 'code');
        if (content.length > 40) token.attrJoin('class', content.startsWith('`') ? 'command' : 'long');
        else if (content.length <= 24) token.attrJoin('class', 'short');
      }
    });
  });
  markdown.renderer.rules.table_open = () =>
    '<div class="scroll" tabindex="0" role="region" aria-label="table"><table>\n';
  markdown.renderer.rules.table_close = () => '</table></div>\n';
  markdown.renderer.rules.image = (tokens, index) => {
    const token = tokens[index];
    const svg = charts.get(String(token?.attrGet('src') ?? ''));
    if (svg === undefined) return `<em>${escapeXml(token?.content ?? 'picture')}</em>`;
    return `<span class="picture" tabindex="0">${inlined(svg)}</span>`;
  };
  markdown.renderer.rules.code_inline = (tokens, index) => `<code>${wordsKept(tokens[index]?.content ?? '')}</code>`;
  markdown.renderer.rules.link_open = (tokens, index, options, _env, self) => {
    const token = tokens[index];
    const href = String(token?.attrGet('href') ?? '');
    const anchor = anchorOf(document.id, href);
    if (anchor !== undefined) token?.attrSet('href', anchor);
    else token?.attrSet('rel', 'noopener noreferrer');
    return self.renderToken(tokens, index, options);
  };
  return { html: markdown.render(document.markdown), headings };
}
