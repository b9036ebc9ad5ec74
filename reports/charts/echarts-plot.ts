/**
 * The plot area of a chart by echarts' server-side SVG rendering, and what its axes look like. Title, legend and source
 * are the frame's (`svg.ts`), so that all charts share them.
 *
 * Invariant: deterministic. echarts numbers its instances and writes hover styles; both are taken out, and clip paths
 * get the chart's own id. An instance is disposed at once: its timer would keep the process alive.
 */
import * as echarts from 'echarts';
import type { Axis } from '../chart-spec.ts';
import { compactNumber } from '../format.ts';
import { axisTitle, cutMiddle, textWidth } from './svg.ts';
import { chartWidth, color, fontFamily, fontSize } from './theme.ts';

export type Option = Record<string, unknown>;

export function plot(id: string, height: number, option: Option): string {
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

export const axisLook = {
  axisLine: { show: true, lineStyle: { color: color.axis } },
  axisTick: { show: true, lineStyle: { color: color.axis } },
  axisLabel: { color: color.muted, fontSize, hideOverlap: true },
  splitLine: { show: true, lineStyle: { color: color.grid } },
  nameTextStyle: { color: color.text, fontSize },
};

export function valueAxis(axis: Axis, place: 'x' | 'y'): Option {
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

/** Labels of a category axis at the bottom: slanted when they do not fit side by side. */
export function bottomLabels(
  names: readonly string[],
  slot: number,
): { readonly axisLabel: Option; readonly height: number } {
  const widest = names.reduce((most, name) => Math.max(most, textWidth(name)), 0);
  const isSlanted = widest > slot - 8 && names.length > 1;
  const room = isSlanted ? 105 : slot - 8;
  const height = isSlanted ? 12 + Math.min(widest, room) * 0.6 : 20;
  const look = { color: color.text, fontSize, interval: 0, formatter: (name: string) => cutMiddle(name, room) };
  return { axisLabel: isSlanted ? { ...look, rotate: 35 } : look, height };
}

/** What echarts hands to the function that draws an item of a custom series. */
export type RenderApi = {
  value(index: number): number;
  coord(point: readonly number[]): [number, number];
  barLayout(option: Option): { offsetCenter: number }[];
};
