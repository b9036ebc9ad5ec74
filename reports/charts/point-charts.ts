/** Line and scatter: points against two value axes, with lettered marks on the x axis. */
import type { AxisMark, LineChart, ScatterChart } from '../chart-spec.ts';
import { type Option, plot, valueAxis } from './echarts-plot.ts';
import { framed, type LegendEntry, markColor, markLetter, markLevels, swatch } from './svg.ts';
import { color, seriesColor, toneColor } from './theme.ts';

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
