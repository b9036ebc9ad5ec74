/** Heat maps: a value a cell on a scale of six steps, or an outcome a cell by its tone and word. */
import type { HeatMapChart } from '../chart-spec.ts';
import { compactNumber } from '../format.ts';
import { axisLook, bottomLabels, type Option, plot, type RenderApi } from './echarts-plot.ts';
import { axisTitle, cut, cutMiddle, framed, swatch, textWidth } from './svg.ts';
import { chartWidth, color, fontFamily, fontSize, scaleColors, tonePale } from './theme.ts';

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
