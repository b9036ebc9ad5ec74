/**
 * Charts whose rows are things and whose x axis is a quantity: gantt (who held what, when) and lanes (numbered dots in
 * the order in which they happened). Drawn directly: labels must stay inside their bar or dot, which a chart library
 * does not promise.
 */
import type { Axis, AxisMark, GanttChart, LanesChart, Tone } from '../chart-spec.ts';
import { compactNumber } from '../format.ts';
import {
  axisTitle,
  cutMiddle,
  element,
  framed,
  markBadge,
  markColor,
  markLevels,
  niceTicks,
  swatch,
  text,
  textWidth,
  titled,
} from './svg.ts';
import { chartWidth, color, seriesColor, toneColor } from './theme.ts';

type Rows = {
  readonly left: number;
  readonly top: number;
  readonly height: number;
  readonly x: (value: number) => number;
  readonly drawn: string;
};

/** Row names, grid, x axis and marks; bars and dots are drawn upon it. */
function rowGrid(
  names: readonly string[],
  yAxis: Axis,
  xAxis: Axis,
  values: readonly number[],
  marks: readonly AxisMark[],
  rowHeight: number,
): Rows {
  const left = Math.min(230, Math.max(48, ...names.map((name) => textWidth(name)), textWidth(axisTitle(yAxis)))) + 18;
  const right = chartWidth - 24;
  const low = xAxis.min ?? Math.min(...values, 0);
  const high = xAxis.max ?? Math.max(...values, low + 1e-9);
  const ticks = niceTicks(low, high);
  const first = Math.min(low, ticks[0] ?? low);
  const last = Math.max(high, ticks.at(-1) ?? high);
  const levels = markLevels(marks, last - first);
  const top = marks.length > 0 ? 42 + 18 * Math.max(...levels) : 26;
  const bottom = top + names.length * rowHeight;
  const x = (value: number) => left + ((value - first) / (last - first || 1)) * (right - left);
  const parts: string[] = [text(8, 16, axisTitle(yAxis))];
  names.forEach((name, index) => {
    const y = top + index * rowHeight;
    if (index % 2 === 0)
      parts.push(
        element('rect', { x: left, y, width: right - left, height: rowHeight, fill: color.paleNeutral, opacity: 0.45 }),
      );
    parts.push(
      titled(name, text(left - 10, y + rowHeight / 2 + 4.5, cutMiddle(name, left - 18), { 'text-anchor': 'end' })),
    );
  });
  for (const tick of ticks) {
    parts.push(element('path', { d: `M${x(tick).toFixed(2)} ${top}V${bottom + 5}`, stroke: color.grid }));
    parts.push(text(x(tick), bottom + 20, compactNumber(tick), { 'text-anchor': 'middle', fill: color.muted }));
  }
  parts.push(element('path', { d: `M${left} ${bottom}H${right}`, stroke: color.axis }));
  parts.push(text((left + right) / 2, bottom + 42, axisTitle(xAxis), { 'text-anchor': 'middle' }));
  marks.forEach((mark, index) => {
    const at = x(mark.at);
    const badgeY = top - 14 - 18 * (levels[index] ?? 0);
    parts.push(
      element('path', {
        d: `M${at.toFixed(2)} ${badgeY + 8}V${bottom}`,
        stroke: markColor(mark),
        'stroke-width': 1.5,
        'stroke-dasharray': '4 3',
      }),
    );
    parts.push(markBadge(at, badgeY, index, mark));
  });
  return { left, top, height: bottom + 52, x, drawn: parts.join('') };
}

export function drawGantt(chart: GanttChart): string {
  const rowHeight = 30;
  const groups = [...new Set(chart.bars.map((bar) => bar.group))];
  const marks = chart.marks ?? [];
  const values = [...chart.bars.flatMap((bar) => [bar.from, bar.until]), ...marks.map((mark) => mark.at)];
  const rows = rowGrid(chart.rows, chart.y, chart.x, values, marks, rowHeight);
  const bars = chart.bars.map((bar) => {
    const x = rows.x(bar.from);
    const width = Math.max(2, rows.x(bar.until) - x);
    const y = rows.top + bar.row * rowHeight + 5;
    const label = bar.label ?? bar.group;
    const shown =
      textWidth(label) + 8 <= width ? label : textWidth(bar.label ?? '') + 8 <= width ? (bar.label ?? '') : '';
    const box = element('rect', {
      x,
      y,
      width,
      height: rowHeight - 10,
      rx: 3,
      fill: seriesColor(groups.indexOf(bar.group)),
    });
    const inside = text(x + width / 2, y + 14.5, shown, {
      'text-anchor': 'middle',
      fill: color.onSeries,
      'font-size': 12,
    });
    const hover = `${chart.rows[bar.row]}: ${label}, ${compactNumber(bar.from)}–${compactNumber(bar.until)} ${chart.x.unit}`;
    return titled(hover, shown === '' ? box : box + inside);
  });
  return framed({
    ...chart,
    legend: groups.map((name, index) => ({ name, symbol: swatch(seriesColor(index)) })),
    marks,
    bodyHeight: rows.height,
    body: rows.drawn + bars.join(''),
  });
}

const toneWords: Readonly<Record<Tone, string>> = {
  good: 'as it should be',
  bad: 'violation',
  warn: 'repeated or late',
  neutral: 'other',
  accent: 'event',
};

export function drawLanes(chart: LanesChart): string {
  const marks = chart.marks ?? [];
  const values = [...chart.points.map((point) => point.at), ...marks.map((mark) => mark.at)];
  const widest = Math.max(0, ...chart.points.map((point) => textWidth(point.label, 12)));
  const inside = widest <= 24;
  const rowHeight = inside ? 34 : 42;
  const rows = rowGrid(chart.lanes, chart.y, chart.x, values, marks, rowHeight);
  const lastEnd = new Map<number, number>();
  const points = [...chart.points]
    .map((point, index) => ({ point, index }))
    .sort((a, b) => a.point.at - b.point.at || a.index - b.index)
    .map(({ point }) => {
      const x = rows.x(point.at);
      const fill = toneColor(point.tone ?? 'accent');
      const middle = rows.top + point.lane * rowHeight + rowHeight / 2;
      if (inside) {
        const dot = element('rect', { x: x - 13, y: middle - 11, width: 26, height: 22, rx: 11, fill });
        const label = text(x, middle + 4.5, point.label, {
          'text-anchor': 'middle',
          fill: color.onSeries,
          'font-size': 12,
        });
        return titled(
          `${chart.lanes[point.lane]}: ${point.label} at ${compactNumber(point.at)} ${chart.x.unit}`,
          dot + label,
        );
      }
      const width = textWidth(point.label, 12);
      const start = Math.max(rows.left + 2, Math.min(x - width / 2, chartWidth - 8 - width));
      const free = start >= (lastEnd.get(point.lane) ?? 0);
      if (free) lastEnd.set(point.lane, start + width + 6);
      const dot = element('circle', { cx: x, cy: middle + 8, r: 5, fill });
      const label = free ? text(start, middle - 4, point.label, { 'font-size': 12 }) : '';
      return titled(
        `${chart.lanes[point.lane]}: ${point.label} at ${compactNumber(point.at)} ${chart.x.unit}`,
        dot + label,
      );
    });
  const tones = [...new Set(chart.points.map((point) => point.tone ?? 'accent'))];
  return framed({
    ...chart,
    legend: tones.length < 2 ? [] : tones.map((tone) => ({ name: toneWords[tone], symbol: swatch(toneColor(tone)) })),
    marks,
    bodyHeight: rows.height,
    body: rows.drawn + points.join(''),
  });
}
