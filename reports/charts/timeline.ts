/**
 * Swim lanes: processes side by side, time running down, operations as bars, messages as arrows. Time is drawn by
 * order, not to scale, for a counterexample has bursts and long waits; the left edge gives the time of each row.
 *
 * Invariant: every event has a row of its own, so labels of one lane never lie on each other; kinds differ by shape and
 * not by colour alone.
 */
import type { TimelineChart, TimelineEvent } from '../chart-spec.ts';
import { formatNumber } from '../format.ts';
import { cut, element, framed, text, textWidth, titled, wrap } from './svg.ts';
import { chartWidth, color, seriesColors, toneColor } from './theme.ts';

type Kind = TimelineEvent['kind'];
type Placed = { readonly event: TimelineEvent; readonly y: number; readonly endY: number };

const gutter = 84;
const headHeight = 34;
const rowHeight = 32;
const endHeight = 16;

const kindColor: Readonly<Record<Kind, string>> = {
  ok: seriesColors[2],
  fail: seriesColors[4],
  info: seriesColors[6],
  message: seriesColors[6],
  'lost-message': seriesColors[4],
  commit: seriesColors[3],
  effect: seriesColors[0],
  fault: seriesColors[1],
  crash: seriesColors[4],
  heal: seriesColors[2],
  violation: seriesColors[4],
  note: seriesColors[6],
};

const kindWords: Readonly<Record<Kind, string>> = {
  ok: 'operation, ok',
  fail: 'operation, failed',
  info: 'operation, outcome unknown',
  message: 'message',
  'lost-message': 'message lost',
  commit: 'commit',
  effect: 'effect',
  fault: 'fault',
  crash: 'crash',
  heal: 'healed',
  violation: 'violation',
  note: 'note',
};

/** A kind's symbol centred on (x, y). */
function symbol(kind: Kind, x: number, y: number): string {
  const fill = kindColor[kind];
  const path = (d: string, more: Record<string, string | number> = {}) =>
    element('path', { d, transform: `translate(${x.toFixed(2)} ${y.toFixed(2)})`, fill, ...more });
  const line = { fill: 'none', stroke: fill, 'stroke-width': 2.5, 'stroke-linecap': 'round' };
  switch (kind) {
    case 'ok':
      return path('M-5 -6H5V6H-5Z');
    case 'fail':
      return (
        path('M-5 -6H5V6H-5Z') + path('M-3 -3L3 3M3 -3L-3 3', { ...line, stroke: color.onSeries, 'stroke-width': 1.8 })
      );
    case 'info':
      return path('M-5 -6H5V6H-5Z', { fill: color.halo, stroke: fill, 'stroke-width': 2, 'stroke-dasharray': '3 2' });
    case 'message':
      return path('M-6 0H4M0 -4L5 0L0 4', { ...line, 'stroke-width': 2 });
    case 'lost-message':
      return (
        path('M-6 0H0', { ...line, 'stroke-width': 2, 'stroke-dasharray': '3 3' }) +
        path('M1 -4L7 4M7 -4L1 4', { ...line, 'stroke-width': 2 })
      );
    case 'commit':
      return path('M0 -7L7 0L0 7L-7 0Z');
    case 'effect':
      return element('circle', { cx: x, cy: y, r: 6, fill });
    case 'fault':
      return path('M1 -8L-6 2H-1L-2 8L6 -2H1Z');
    case 'crash':
      return path('M-6 -6L6 6M6 -6L-6 6', { ...line, 'stroke-width': 3.5 });
    case 'heal':
      return path('M-6 0L-2 5L6 -5', { ...line, 'stroke-width': 3 });
    case 'violation':
      return (
        path('M0 -8L8 6H-8Z') + path('M0 -3V1M0 3.4V3.6', { ...line, stroke: color.onSeries, 'stroke-width': 1.8 })
      );
    case 'note':
      return element('circle', { cx: x, cy: y, r: 3, fill });
    default:
      return kind satisfies never;
  }
}

/** Gives each start a row and each later end half a row, in order of time. */
function place(events: readonly TimelineEvent[]): {
  placed: Placed[];
  height: number;
  rows: { timeMs: number; y: number }[];
} {
  const moments = events.flatMap((event, index) => {
    const start = { index, timeMs: event.timeMs, isStart: true };
    const until = event.untilMs;
    return until === undefined || until <= event.timeMs ? [start] : [start, { index, timeMs: until, isStart: false }];
  });
  moments.sort((a, b) => a.timeMs - b.timeMs || Number(a.isStart) - Number(b.isStart) || a.index - b.index);
  const startY = new Map<number, number>();
  const endY = new Map<number, number>();
  const rows: { timeMs: number; y: number }[] = [];
  let y = headHeight + 18;
  for (const moment of moments) {
    (moment.isStart ? startY : endY).set(moment.index, y);
    if (moment.isStart && rows.at(-1)?.timeMs !== moment.timeMs) rows.push({ timeMs: moment.timeMs, y });
    y += moment.isStart ? rowHeight : endHeight;
  }
  const placed = events.map((event, index) => {
    const start = startY.get(index) ?? 0;
    return { event, y: start, endY: endY.get(index) ?? start };
  });
  return { placed, height: y, rows };
}

export function drawTimeline(chart: TimelineChart): string {
  const count = chart.processes.length;
  const width = Math.max(chartWidth, gutter + count * 148 + 12);
  const laneWidth = (width - gutter - 12) / count;
  const laneX = (process: string) => gutter + 18 + laneWidth * Math.max(0, chart.processes.indexOf(process));
  const { placed, height, rows } = place(chart.events);
  const behind: string[] = [text(8, 20, 'time', { fill: color.muted })];
  for (const row of rows)
    behind.push(
      text(gutter - 14, row.y + 4, `${formatNumber(row.timeMs)} ms`, {
        'text-anchor': 'end',
        'font-size': 12,
        fill: color.muted,
      }),
      element('path', { d: `M${gutter - 8} ${row.y}H${width - 8}`, stroke: color.grid }),
    );
  for (const process of chart.processes) behind.push(lane(process, laneX(process), laneWidth, height, placed));
  const arrows: string[] = [];
  const marks: string[] = [];
  const labels: string[] = [];
  for (const item of placed) {
    const x = laneX(item.event.process);
    const to = item.event.to;
    if (to === undefined) marks.push(mark(item, x));
    else arrows.push(arrow(item, x, laneX(to)));
    labels.push(label(item, to === undefined ? { x } : { x, toX: laneX(to) }, laneWidth, width - 8));
  }
  const kinds = [...new Set(chart.events.map((event) => event.kind))];
  return framed({
    ...chart,
    width,
    legend: kinds.map((kind) => ({ name: kindWords[kind], symbol: symbol(kind, 7, 7) })),
    bodyHeight: height + 6,
    body: behind.join('') + arrows.join('') + marks.join('') + labels.join(''),
  });
}

/** Head and life line; dashed from a crash until the process is healed. */
function lane(process: string, x: number, laneWidth: number, height: number, placed: readonly Placed[]): string {
  const name = cut(process, laneWidth - 30);
  const parts = [
    element('rect', { x: x - 10, y: 2, width: textWidth(name) + 20, height: 24, rx: 4, fill: color.paleNeutral }),
    text(x, 18.5, name, { 'font-weight': 600 }),
  ];
  const changes = placed
    .filter(({ event }) => event.process === process && (event.kind === 'crash' || event.kind === 'heal'))
    .sort((a, b) => a.y - b.y);
  let from = 26;
  let isUp = true;
  for (const { event, y } of [
    ...changes.map((item) => ({ event: item.event, y: item.y })),
    { event: undefined, y: height },
  ]) {
    parts.push(
      element('path', {
        d: `M${x.toFixed(2)} ${from}V${y}`,
        stroke: isUp ? color.axis : toneColor('bad'),
        'stroke-width': 1.5,
        'stroke-dasharray': isUp ? undefined : '2 5',
      }),
    );
    from = y;
    if (event !== undefined) isUp = event.kind !== 'crash';
  }
  return titled(process, parts.join(''));
}

/** A symbol on the lane, and a bar when it lasts. */
function mark({ event, y, endY }: Placed, x: number): string {
  const parts: string[] = [];
  if (endY > y) {
    const unknown = event.kind === 'info';
    parts.push(
      element('rect', {
        x: x - 4,
        y,
        width: 8,
        height: endY - y,
        rx: 3,
        fill: unknown ? color.halo : kindColor[event.kind],
        stroke: kindColor[event.kind],
        'stroke-dasharray': unknown ? '3 2' : undefined,
      }),
    );
  }
  parts.push(symbol(event.kind, x, y));
  return titled(`${event.process}: ${event.label} (${kindWords[event.kind]})`, parts.join(''));
}

/**
 * The label of a symbol stands right of it, that of an arrow above its left end. It keeps to its lane while it fits
 * there; a longer one runs over the next lanes (at the right edge: over those before it), for no other event has its row.
 */
function label(
  { event, y }: Placed,
  lane: { readonly x: number; readonly toX?: number },
  laneWidth: number,
  right: number,
): string {
  const isArrow = lane.toX !== undefined;
  const x = Math.min(lane.x, lane.toX ?? lane.x) + 13;
  const own = Math.max(laneWidth - 24, isArrow ? Math.abs((lane.toX ?? 0) - lane.x) - 28 : 0);
  const linesMax = isArrow ? 1 : 2;
  const fits = !wrap(event.label, own, linesMax, 12).at(-1)?.endsWith('…');
  const goesLeft = !fits && !isArrow && x - gutter > right - x;
  const room = goesLeft ? x - gutter - 30 : right - x;
  const lines = wrap(event.label, fits ? own : Math.max(own, room), linesMax, 12);
  const top = isArrow ? y - 5 : lines.length === 1 ? y + 4 : y - 2.5;
  const isLoud = event.kind === 'violation';
  return lines
    .map((line, index) =>
      text(goesLeft ? x - 25 : x, top + index * 13.5, line, {
        'text-anchor': goesLeft ? 'end' : undefined,
        'font-size': 12,
        'font-weight': isLoud ? 600 : undefined,
        fill: isLoud ? color.badText : color.text,
        stroke: color.halo,
        'stroke-width': 3,
        'paint-order': 'stroke',
        'stroke-linejoin': 'round',
      }),
    )
    .join('');
}

/** A message: from its lane to the other; a lost one stops half way. */
function arrow({ event, y, endY }: Placed, fromX: number, toX: number): string {
  const lost = event.kind === 'lost-message' || event.kind === 'fail';
  const stroke = kindColor[lost ? 'lost-message' : event.kind];
  const downTo = endY > y ? endY : y;
  const endX = lost ? fromX + (toX - fromX) * 0.72 : toX;
  const finalY = lost ? y + (downTo - y) * 0.72 : downTo;
  const direction = toX < fromX ? -1 : 1;
  const parts = [
    element('path', {
      d: `M${(fromX + 4 * direction).toFixed(2)} ${y.toFixed(2)}L${(endX - (lost ? 0 : 5 * direction)).toFixed(2)} ${finalY.toFixed(2)}`,
      stroke,
      'stroke-width': 1.8,
      'stroke-dasharray': lost ? '5 4' : undefined,
      fill: 'none',
    }),
  ];
  if (lost)
    parts.push(
      element('path', {
        d: 'M-5 -5L5 5M5 -5L-5 5',
        transform: `translate(${endX.toFixed(2)} ${finalY.toFixed(2)})`,
        stroke,
        'stroke-width': 2.2,
        fill: 'none',
      }),
    );
  else {
    const angle = (Math.atan2(finalY - y, toX - fromX) * 180) / Math.PI;
    parts.push(
      element('path', {
        d: 'M0 0L-9 -4.5V4.5Z',
        transform: `translate(${(toX - direction).toFixed(2)} ${finalY.toFixed(2)}) rotate(${angle.toFixed(1)})`,
        fill: stroke,
      }),
    );
  }
  return titled(`${event.process} → ${event.to}: ${event.label} (${kindWords[event.kind]})`, parts.join(''));
}
