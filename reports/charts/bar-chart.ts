/** Bars over categories, upright or lying, with the spread of each as a whisker and its value printed. */
import type { BarChart } from '../chart-spec.ts';
import { compactNumber } from '../format.ts';
import { axisLook, bottomLabels, type Option, plot, type RenderApi, valueAxis } from './echarts-plot.ts';
import { axisTitle, cutMiddle, framed, swatch, textWidth } from './svg.ts';
import { chartWidth, color, fontFamily, fontSize, seriesColor } from './theme.ts';

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
