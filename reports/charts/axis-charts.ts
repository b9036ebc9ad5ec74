/**
 * Line, scatter, bar and heat map, by echarts' server-side SVG rendering. echarts draws the plot area only; title,
 * legend and source are the frame's (`svg.ts`), so that all charts share them.
 *
 * Invariant: deterministic. echarts numbers its instances and writes hover styles; both are taken out, and clip paths
 * get the chart's own id. An instance is disposed at once: its timer would keep the process alive.
 */
import * as echarts from 'echarts';
import type { Axis, AxisMark, BarChart, ChartSpec, HeatMapChart, LineChart, ScatterChart } from '../chart-spec.ts';
import { compactNumber } from '../format.ts';
import {
  axisTitle,
  cut,
  cutMiddle,
  framed,
  type LegendEntry,
  markColor,
  markLetter,
  markLevels,
  swatch,
  textWidth,
} from './svg.ts';
import { chartWidth, color, fontFamily, fontSize, scaleColors, seriesColor, toneColor, tonePale } from './theme.ts';

type Option = Record<string, unknown>;

function plot(id: string, height: number, option: Option): string {
  const instance = echarts.init(null, null, { renderer: 'svg', ssr: true, width: chartWidth, height });
  try {
    instance.setOption({ animation: false, textStyle: { fontFamily, fontSize }, ...option } as echarts.EChartsOption);
    return cleaned(instance.renderToSVGString(), id, height);
  } finally {
    instance.dispose();
  }
}

function cleaned(svg: string, id: string, height: number): string {
  const inner = svg
    .replace(/^<svg[^>]*>\s*/, '')
    .replace(/<\/svg>\s*$/, '')
    .replace(/^<rect[^>]*><\/rect>\s*/, '')
    .replace(/<style[^>]*>[\s\S]*?<\/style>/g, '')
    .replace(/ (?:class="zr\d+-cls-\d+"|ecmeta_\w+="[^"]*"|pointer-events="\w+")/g, '')
    .replace(/(id="|url\(#)zr\d+-/g, `$1${id}-`)
    .replaceAll(`style="font-size:${fontSize}px;font-family:${fontFamily};"`, `font-size="${fontSize}"`)
    .replace(/\n+/g, '');
  return `<svg width="${chartWidth}" height="${height}" viewBox="0 0 ${chartWidth} ${height}" overflow="visible">${inner}</svg>`;
}

const axisLook = {
  axisLine: { show: true, lineStyle: { color: color.axis } },
  axisTick: { show: true, lineStyle: { color: color.axis } },
  axisLabel: { color: color.muted, fontSize, hideOverlap: true },
  splitLine: { show: true, lineStyle: { color: color.grid } },
  nameTextStyle: { color: color.text, fontSize },
};

function valueAxis(axis: Axis, place: 'x' | 'y'): Option {
  const named =
    place === 'x'
      ? { nameLocation: 'middle', nameGap: 32 }
      : {
          nameLocation: 'end',
          nameGap: 14,
          nameTextStyle: { ...axisLook.nameTextStyle, align: 'left', padding: [0, 0, 0, -52] },
        };
  return {
    ...axisLook,
    type: axis.scale === 'log' ? 'log' : 'value',
    name: axisTitle(axis),
    ...named,
    ...(axis.min === undefined ? {} : { min: axis.min }),
    ...(axis.max === undefined ? {} : { max: axis.max }),
    axisLabel: { ...axisLook.axisLabel, formatter: compactNumber },
    ...(place === 'x' ? { splitLine: { show: false } } : {}),
  };
}

function markLines(marks: readonly AxisMark[] | undefined, span: number): Option {
  if (marks === undefined || marks.length === 0) return {};
  const levels = markLevels(marks, span);
  return {
    markLine: {
      symbol: 'none',
      silent: true,
      animation: false,
      data: marks.map((mark, index) => ({
        xAxis: mark.at,
        lineStyle: { color: markColor(mark), type: 'dashed', width: 1.5 },
        label: {
          formatter: markLetter(index),
          position: 'end',
          distance: 4 + 18 * (levels[index] ?? 0),
          color: color.onSeries,
          backgroundColor: markColor(mark),
          borderRadius: 8,
          padding: [2, 5],
          fontSize: 11,
          fontWeight: 600,
          textBorderWidth: 0,
        },
      })),
    },
  };
}

function grid(chart: LineChart | ScatterChart): Option {
  const marks = chart.marks ?? [];
  const top = marks.length === 0 ? 34 : 58 + 18 * Math.max(...markLevels(marks, spanOf(chart)));
  return { left: 64, right: 28, top, bottom: 52, outerBoundsMode: 'none' };
}

/** What the x axis covers, about. */
function spanOf(chart: LineChart | ScatterChart): number {
  const values = chart.series.flatMap((series) => series.points.map(([x]) => x));
  for (const mark of chart.marks ?? []) values.push(mark.at);
  const low = chart.x.min ?? values.reduce((a, b) => Math.min(a, b), 0);
  return (chart.x.max ?? values.reduce((a, b) => Math.max(a, b), low)) - low;
}

/** Labels of a category axis at the bottom: slanted when they do not fit side by side. */
function bottomLabels(names: readonly string[], slot: number): { readonly axisLabel: Option; readonly height: number } {
  const widest = names.reduce((most, name) => Math.max(most, textWidth(name)), 0);
  const isSlanted = widest > slot - 8 && names.length > 1;
  const room = isSlanted ? 105 : slot - 8;
  const height = isSlanted ? 12 + Math.min(widest, room) * 0.6 : 20;
  const look = { color: color.text, fontSize, interval: 0, formatter: (name: string) => cutMiddle(name, room) };
  return { axisLabel: isSlanted ? { ...look, rotate: 35 } : look, height };
}

export function drawLine(id: string, chart: LineChart): string {
  const height = 330;
  const legend: LegendEntry[] = chart.series.map((series, index) => ({
    name: series.name,
    symbol: swatch(seriesColor(index), { line: true, dashed: series.line === 'dashed' }),
  }));
  const body = plot(id, height, {
    grid: grid(chart),
    xAxis: valueAxis(chart.x, 'x'),
    yAxis: valueAxis(chart.y, 'y'),
    series: chart.series.map((series, index) => ({
      type: 'line',
      data: series.points,
      ...(series.step ? { step: 'end' } : {}),
      showSymbol: series.points.length <= 40 && series.line !== 'dashed',
      symbol: 'circle',
      symbolSize: 6,
      lineStyle: { color: seriesColor(index), width: 2.2, type: series.line ?? 'solid' },
      itemStyle: { color: seriesColor(index) },
      ...(index === 0 ? markLines(chart.marks, spanOf(chart)) : {}),
    })),
  });
  return framed({ ...chart, legend, marks: chart.marks ?? [], bodyHeight: height, body });
}

export function drawScatter(id: string, chart: ScatterChart): string {
  const height = 340;
  const shapes = ['circle', 'diamond', 'triangle', 'rect'];
  const colorOf = (index: number) => {
    const tone = chart.series[index]?.tone;
    return tone === undefined ? seriesColor(index) : toneColor(tone);
  };
  const legend = chart.series.map((series, index) => ({
    name: series.name,
    symbol: scatterSwatch(index, colorOf(index)),
  }));
  const body = plot(id, height, {
    grid: grid(chart),
    xAxis: valueAxis(chart.x, 'x'),
    yAxis: valueAxis(chart.y, 'y'),
    series: chart.series.map((series, index) => ({
      type: 'scatter',
      data: series.points,
      symbol: shapes[index % shapes.length],
      symbolSize: series.points.length > 300 ? 5 : 9,
      itemStyle: { color: colorOf(index), opacity: 1 },
      ...(index === 0 ? markLines(chart.marks, spanOf(chart)) : {}),
    })),
  });
  return framed({ ...chart, legend, marks: chart.marks ?? [], bodyHeight: height, body });
}

function scatterSwatch(index: number, fill: string): string {
  const paths = ['M7 2a5 5 0 1 0 .01 0Z', 'M7 1L13 7L7 13L1 7Z', 'M7 1L13 12H1Z', 'M2 2H12V12H2Z'];
  return `<path d="${paths[index % paths.length]}" fill="${fill}"/>`;
}

type RenderApi = {
  value(index: number): number;
  coord(point: readonly number[]): [number, number];
  barLayout(option: Option): { offsetCenter: number }[];
};

const barSpacing = { barGap: '20%', barCategoryGap: '36%' };

/** Whisker and printed value of each bar of one series, drawn over the bars. */
function whiskers(chart: BarChart, seriesIndex: number): Option {
  const series = chart.series[seriesIndex];
  if (series === undefined) return {};
  const data = series.values.flatMap((value, index) =>
    value === null ? [] : [[index, value, series.min?.[index] ?? value, series.max?.[index] ?? value]],
  );
  const crowded = chart.categories.length * chart.series.length > (chart.horizontal ? 40 : 16);
  const at = (api: RenderApi, category: number, value: number): [number, number] =>
    chart.horizontal ? api.coord([value, category]) : api.coord([category, value]);
  return {
    type: 'custom',
    data,
    clip: false,
    encode: chart.horizontal ? { x: [1, 2, 3], y: 0 } : { x: 0, y: [1, 2, 3] },
    renderItem: (_: unknown, api: RenderApi) => {
      const [category, value, low, high] = [api.value(0), api.value(1), api.value(2), api.value(3)];
      const offset = api.barLayout({ ...barSpacing, count: chart.series.length })[seriesIndex]?.offsetCenter ?? 0;
      const [fromX, fromY] = at(api, category, low);
      const [untilX, untilY] = at(api, category, high);
      const shift = (point: [number, number]): [number, number] =>
        chart.horizontal ? [point[0], point[1] + offset] : [point[0] + offset, point[1]];
      const [x1, y1] = shift([fromX, fromY]);
      const [x2, y2] = shift([untilX, untilY]);
      const cap = chart.horizontal ? [0, 4] : [4, 0];
      const line = (a: number, b: number, c: number, d: number) => ({
        type: 'line',
        shape: { x1: a, y1: b, x2: c, y2: d },
        style: { stroke: color.text, lineWidth: 1.4 },
      });
      const [capX = 0, capY = 0] = cap;
      const spread =
        low === high
          ? []
          : [
              line(x1, y1, x2, y2),
              line(x1 - capX, y1 - capY, x1 + capX, y1 + capY),
              line(x2 - capX, y2 - capY, x2 + capX, y2 + capY),
            ];
      const label = {
        type: 'text',
        style: {
          text: compactNumber(value),
          x: chart.horizontal ? x2 + 6 : x2,
          y: chart.horizontal ? y2 : y2 - 6,
          fill: color.text,
          font: `${fontSize}px ${fontFamily}`,
          align: chart.horizontal ? 'left' : 'center',
          verticalAlign: chart.horizontal ? 'middle' : 'bottom',
        },
      };
      return { type: 'group', children: crowded ? spread : [...spread, label] };
    },
  };
}

export function drawBar(id: string, chart: BarChart): string {
  const count = chart.categories.length;
  const bottom = bottomLabels(chart.categories, (chartWidth - 84) / count);
  const height = chart.horizontal ? 90 + count * Math.max(30, 22 * chart.series.length + 14) : 290 + bottom.height;
  const labelWidth = Math.min(
    300,
    Math.max(...chart.categories.map((name) => textWidth(name)), textWidth(axisTitle(chart.x))) + 4,
  );
  const categoryAxis: Option = {
    ...axisLook,
    type: 'category',
    data: chart.categories,
    name: axisTitle(chart.x),
    ...(chart.horizontal
      ? {
          inverse: true,
          nameLocation: 'start',
          nameTextStyle: { ...axisLook.nameTextStyle, align: 'right', padding: [0, 8, 0, 0] },
          axisLabel: {
            color: color.text,
            fontSize,
            interval: 0,
            formatter: (name: string) => cutMiddle(name, labelWidth),
          },
        }
      : { nameLocation: 'middle', nameGap: bottom.height + 16, axisLabel: bottom.axisLabel }),
    splitLine: { show: false },
    axisTick: { show: false },
  };
  const valuesAxis = chart.horizontal
    ? { ...valueAxis(chart.y, 'x'), splitLine: axisLook.splitLine }
    : { ...valueAxis(chart.y, 'y'), boundaryGap: [0, '8%'] };
  const legend =
    chart.series.length < 2
      ? []
      : chart.series.map((series, index) => ({ name: series.name, symbol: swatch(seriesColor(index)) }));
  const body = plot(id, height, {
    grid: {
      left: chart.horizontal ? labelWidth + 24 : 64,
      right: chart.horizontal ? 64 : 20,
      top: 40,
      bottom: chart.horizontal ? 54 : bottom.height + 34,
      outerBoundsMode: 'none',
    },
    xAxis: chart.horizontal ? valuesAxis : categoryAxis,
    yAxis: chart.horizontal ? categoryAxis : valuesAxis,
    series: [
      ...chart.series.map((series, index) => ({
        type: 'bar',
        data: series.values,
        ...barSpacing,
        barMaxWidth: 64,
        itemStyle: { color: seriesColor(index), borderRadius: chart.horizontal ? [0, 2, 2, 0] : [2, 2, 0, 0] },
      })),
      ...chart.series.map((_, index) => whiskers(chart, index)),
    ],
  });
  return framed({ ...chart, legend, bodyHeight: height, body });
}

export function drawHeatMap(id: string, chart: HeatMapChart): string {
  const values = chart.cells.flatMap((cell) => (cell.value === null || cell.tone !== undefined ? [] : [cell.value]));
  const low = chart.value.min ?? Math.min(...values);
  const high = chart.value.max ?? Math.max(...values);
  const stepOf = (value: number) => {
    const share = high > low ? (value - low) / (high - low) : 0;
    return Math.max(0, Math.min(scaleColors.length - 1, Math.floor(share * scaleColors.length)));
  };
  const rowLabelWidth = Math.min(230, Math.max(...chart.rows.map((name) => textWidth(name))) + 8);
  const left = Math.max(rowLabelWidth, textWidth(axisTitle(chart.y))) + 16;
  const cellWidth = (chartWidth - left - 20) / chart.columns.length;
  const bottom = bottomLabels(chart.columns, cellWidth);
  const height = 72 + bottom.height + chart.rows.length * 40;
  const cellSize = cellWidth < 64 ? 11 : fontSize;
  const shortNumber = (value: number) =>
    cellWidth < 64 && Math.abs(value) >= 1000 && Math.abs(value) < 1e4
      ? `${(value / 1000).toFixed(1)}k`
      : compactNumber(value);
  const category = (names: readonly string[], name: string, extra: Option): Option => ({
    ...axisLook,
    type: 'category',
    data: names,
    name,
    splitLine: { show: false },
    axisTick: { show: false },
    axisLine: { show: false },
    ...extra,
  });
  const body = plot(id, height, {
    grid: { left, right: 20, top: 34, bottom: bottom.height + 38, outerBoundsMode: 'none' },
    xAxis: category(chart.columns, axisTitle(chart.x), {
      nameLocation: 'middle',
      nameGap: bottom.height + 16,
      axisLabel: bottom.axisLabel,
    }),
    yAxis: category(chart.rows, axisTitle(chart.y), {
      inverse: true,
      nameLocation: 'start',
      nameTextStyle: { ...axisLook.nameTextStyle, align: 'right', padding: [0, 6, 0, 0] },
      axisLabel: {
        color: color.text,
        fontSize,
        interval: 0,
        formatter: (name: string) => cutMiddle(name, rowLabelWidth),
      },
    }),
    series: [
      {
        type: 'custom',
        data: chart.cells.map((cell) => [cell.column, cell.row]),
        renderItem: (parameters: { dataIndex: number }, api: RenderApi) => {
          const cell = chart.cells[parameters.dataIndex];
          if (cell === undefined) return undefined;
          const [x, y] = api.coord([cell.column, cell.row]);
          const step = cell.value === null ? 0 : stepOf(cell.value);
          const fill =
            cell.tone !== undefined
              ? tonePale(cell.tone)
              : cell.value === null
                ? color.paleNeutral
                : (scaleColors[step] as string);
          const ink = cell.tone !== undefined || cell.value === null || step < 4 ? color.inkOnPale : color.inkOnDeep;
          const shown = cell.text ?? (cell.value === null ? '–' : shortNumber(cell.value));
          return {
            type: 'group',
            children: [
              {
                type: 'rect',
                shape: { x: x - cellWidth / 2 + 2, y: y - 18, width: cellWidth - 4, height: 36, r: 3 },
                style: { fill },
              },
              {
                type: 'text',
                style: {
                  text: cut(shown, cellWidth - 6, cellSize),
                  x,
                  y,
                  fill: ink,
                  font: `${cellSize}px ${fontFamily}`,
                  align: 'center',
                  verticalAlign: 'middle',
                },
              },
            ],
          };
        },
      },
    ],
  });
  const legend =
    values.length === 0
      ? []
      : scaleColors.map((fill, index) => ({
          name:
            index === 0
              ? `${axisTitle(chart.value)}: ${compactNumber(low)}`
              : index === scaleColors.length - 1
                ? compactNumber(high)
                : '',
          symbol: swatch(fill),
        }));
  return framed({ ...chart, legend, bodyHeight: height, body });
}

export type AxisChart = Extract<ChartSpec, { type: 'line' | 'scatter' | 'bar' | 'heatmap' }>;
