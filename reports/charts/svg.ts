/**
 * A small SVG writer: elements with escaped text and rounded numbers, text measured by estimate and cut or wrapped to
 * fit, and the frame that all charts share (title, legend, marks' key, body, source).
 *
 * Invariant: no caller's string reaches the output unescaped, and the same input gives the same bytes.
 */
import type { Axis, AxisMark } from '../chart-spec.ts';
import { escapeXml } from '../escape.ts';
import { chartWidth, color, darkRules, fontFamily, fontSize, toneColor } from './theme.ts';

export type Attributes = Readonly<Record<string, string | number | undefined>>;

export function element(name: string, attributes: Attributes, content = ''): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? rounded(value) : escapeXml(String(value))}"`)
    .join('');
  return content === '' ? `<${name}${written}/>` : `<${name}${written}>${content}</${name}>`;
}

function rounded(value: number): string {
  return String(Math.round(value * 100) / 100);
}

export function text(x: number, y: number, content: string, attributes: Attributes = {}): string {
  return element('text', { x, y, 'font-size': fontSize, fill: color.text, ...attributes }, escapeXml(content));
}

/** A hover text for the group of elements. */
export function titled(title: string, content: string): string {
  return `<g><title>${escapeXml(title)}</title>${content}</g>`;
}

/** Estimated width; errs on the wide side so that a fallback font still fits. */
export function textWidth(content: string, size: number = fontSize): number {
  let units = 0;
  for (const character of content) {
    if (/[ilj.,:;|'!() ]/.test(character)) units += 0.36;
    else if (/[A-ZmwMW@%→]/.test(character)) units += 0.74;
    else if ((character.codePointAt(0) ?? 0) > 0x2e80) units += 1;
    else if (/[0-9]/.test(character)) units += 0.64;
    else units += 0.6;
  }
  return units * size;
}

export function cut(content: string, widthMax: number, size: number = fontSize): string {
  if (textWidth(content, size) <= widthMax) return content;
  const characters = [...content];
  while (characters.length > 1 && textWidth(`${characters.join('')}…`, size) > widthMax) characters.pop();
  return `${characters.join('').trimEnd()}…`;
}

/** Cut in the middle: names of partitions and plans differ at their end. */
export function cutMiddle(content: string, widthMax: number, size: number = fontSize): string {
  if (textWidth(content, size) <= widthMax) return content;
  const characters = [...content];
  let kept = characters.length - 1;
  const joined = () => {
    const tail = Math.floor(kept * 0.4);
    return `${characters.slice(0, kept - tail).join('')}…${tail === 0 ? '' : characters.slice(-tail).join('')}`;
  };
  while (kept > 1 && textWidth(joined(), size) > widthMax) kept--;
  return joined();
}

/** Lines that fit; the last one is cut when `linesMax` do not suffice. */
export function wrap(content: string, widthMax: number, linesMax: number, size: number = fontSize): string[] {
  const words = content.split(/\s+/).filter((word) => word !== '');
  const lines: string[] = [];
  let line = '';
  words.forEach((word, index) => {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line === '' || textWidth(longer, size) <= widthMax) line = longer;
    else if (lines.length === linesMax - 1) line = index >= words.length ? line : longer;
    else {
      lines.push(line);
      line = word;
    }
  });
  if (line !== '') lines.push(line);
  return lines.map((entry) => cut(entry, widthMax, size));
}

export function axisTitle(axis: Axis): string {
  return axis.unit === '' ? axis.name : `${axis.name} (${axis.unit})`;
}

/** About `count` round values from `min` to `max`, both included in the range that they span. */
export function niceTicks(min: number, max: number, count = 6): number[] {
  const span = max > min ? max - min : Math.abs(max) || 1;
  const raw = span / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw * 0.999) ?? 10) * power;
  const ticks: number[] = [];
  for (let index = Math.floor(min / step); index * step < max + step * 0.999; index++)
    ticks.push(Number((index * step).toPrecision(12)));
  return ticks;
}

export type LegendEntry = { readonly name: string; readonly symbol: string };

/** A 14×14 swatch for the legend. */
export function swatch(fill: string, options: { readonly line?: boolean; readonly dashed?: boolean } = {}): string {
  if (!options.line) return element('rect', { x: 1, y: 1, width: 12, height: 12, rx: 2, fill });
  const dash = options.dashed ? '4 3' : undefined;
  return element('path', { d: 'M0 7H14', stroke: fill, 'stroke-width': 2.5, 'stroke-dasharray': dash, fill: 'none' });
}

/** How many rows up each mark's letter goes so that close ones do not lie on each other; `span` is the axis's range. */
export function markLevels(marks: readonly AxisMark[], span: number): number[] {
  const levels = marks.map(() => 0);
  const order = marks.map((_, index) => index).sort((a, b) => (marks[a]?.at ?? 0) - (marks[b]?.at ?? 0));
  order.forEach((index, place) => {
    const before = order[place - 1];
    if (before === undefined) return;
    const near = (marks[index]?.at ?? 0) - (marks[before]?.at ?? 0) < span * 0.03;
    levels[index] = near ? ((levels[before] ?? 0) + 1) % 3 : 0;
  });
  return levels;
}

/** The letter that stands for a mark in the picture. */
export function markLetter(index: number): string {
  return index < 26
    ? String.fromCharCode(65 + index)
    : `${String.fromCharCode(64 + Math.floor(index / 26))}${String.fromCharCode(65 + (index % 26))}`;
}

export function markColor(mark: AxisMark): string {
  return toneColor(mark.tone ?? 'neutral');
}

function flow(
  items: readonly { readonly width: number; readonly draw: (x: number, y: number) => string }[],
  widthMax: number,
) {
  let x = 0;
  let y = 0;
  const drawn = items.map((item) => {
    if (x > 0 && x + item.width > widthMax) {
      x = 0;
      y += 20;
    }
    const out = item.draw(x, y);
    x += item.width + 18;
    return out;
  });
  return { content: drawn.join(''), height: items.length === 0 ? 0 : y + 20 };
}

export type Frame = {
  readonly title: string;
  readonly source: string;
  readonly legend: readonly LegendEntry[];
  readonly marks?: readonly AxisMark[];
  readonly markUnit?: string;
  readonly width?: number;
  readonly bodyHeight: number;
  /** Drawn with its origin at the frame's left edge below the legend. */
  readonly body: string;
};

/** The whole SVG file: title, legend, body, key of the marks, source. */
export function framed(frame: Frame): string {
  const width = frame.width ?? chartWidth;
  const parts: string[] = [];
  let y = 6;
  for (const line of wrap(frame.title, width - 16, 2, 17.5)) {
    y += 18;
    parts.push(text(8, y, line, { 'font-size': 16, 'font-weight': 600 }));
  }
  y += 12;
  const legend = flow(
    frame.legend.map((entry) => {
      const name = cut(entry.name, width - 60);
      return {
        width: 20 + textWidth(name),
        draw: (x: number, row: number) =>
          element('g', { transform: `translate(${rounded(x)} ${row})` }, entry.symbol + text(20, 11.5, name)),
      };
    }),
    width - 16,
  );
  if (legend.height > 0) parts.push(element('g', { transform: `translate(8 ${y})` }, legend.content));
  y += legend.height + (legend.height > 0 ? 6 : 0);
  parts.push(element('g', { transform: `translate(0 ${y})` }, frame.body));
  y += frame.bodyHeight;
  const marks = frame.marks ?? [];
  const key = flow(
    marks.map((mark, index) => {
      const name = cut(mark.label, width - 60);
      return {
        width: 22 + textWidth(name),
        draw: (x: number, row: number) =>
          element(
            'g',
            { transform: `translate(${rounded(x)} ${row})` },
            markBadge(8, 8, index, mark) + text(22, 12.5, name),
          ),
      };
    }),
    width - 16,
  );
  if (key.height > 0) {
    y += 8;
    parts.push(element('g', { transform: `translate(8 ${y})` }, key.content));
    y += key.height;
  }
  for (const line of wrap(`Source: ${frame.source}`, width - 16, 2, 12)) {
    y += 16;
    parts.push(text(8, y, line, { 'font-size': 12, fill: color.muted }));
  }
  y += 10;
  const style = `<style>@media (prefers-color-scheme:dark){${darkRules('.chart')}}</style>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${rounded(width)} ${rounded(y)}" width="${rounded(width)}" height="${rounded(y)}" role="img" aria-label="${escapeXml(frame.title)}" font-family="${fontFamily}">${style}${parts.join('')}</svg>\n`;
}

/** The round letter of a mark. */
export function markBadge(x: number, y: number, index: number, mark: AxisMark): string {
  return (
    element('circle', { cx: x, cy: y, r: 8, fill: markColor(mark) }) +
    text(x, y + 4, markLetter(index), {
      'font-size': 11,
      'font-weight': 600,
      'text-anchor': 'middle',
      fill: color.onSeries,
    })
  );
}
