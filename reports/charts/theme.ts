/**
 * Colours and type of all charts. A chart is drawn in the light colours as plain attributes, which every viewer
 * understands; the dark colours replace them by style rules that select on the attribute (`[fill="#1f2933"]`). So one
 * SVG file serves both, in a page as in an `<img>`.
 *
 * Invariant: a colour of the left column is used for one role only, for the rules go by its value. Series colours are
 * mid-tones, the same in both: at least 3:1 against either background, and white text on them has 4.5:1.
 */
import type { Tone } from '../chart-spec.ts';

export const color = {
  text: '#1f2933',
  muted: '#55606e',
  grid: '#dde2e8',
  axis: '#8a95a3',
  halo: '#fffffe',
  badText: '#b42626',
  inkOnPale: '#1f2934',
  inkOnDeep: '#fefefe',
  paleGood: '#d6efe0',
  paleBad: '#f8d9d7',
  paleWarn: '#fbe8c5',
  paleNeutral: '#e7ebf0',
  paleAccent: '#dbe7fa',
  onSeries: '#ffffff',
} as const;

export const seriesColors = [
  '#2c77c4',
  '#af6112',
  '#228556',
  '#8564bc',
  '#cc4343',
  '#19808f',
  '#6c7682',
  '#ae578d',
] as const;

/** Pale to deep: the steps of a numeric heat map. */
export const scaleColors = ['#e3eefa', '#bcd7f3', '#8dbbe8', '#5a9bd8', '#2c75b7', '#145a9c'] as const;

const darkOf: Readonly<Record<string, string>> = {
  [color.text]: '#e6eaf0',
  [color.muted]: '#a6b0bd',
  [color.grid]: '#323c48',
  [color.axis]: '#748091',
  [color.halo]: '#12171d',
  [color.badText]: '#ff9a92',
  [color.inkOnPale]: '#e6eaf1',
  [color.inkOnDeep]: '#10151b',
  [color.paleGood]: '#12402a',
  [color.paleBad]: '#56211f',
  [color.paleWarn]: '#4a3510',
  [color.paleNeutral]: '#2a323c',
  [color.paleAccent]: '#1b365a',
  [scaleColors[0]]: '#16283a',
  [scaleColors[1]]: '#1d3d5c',
  [scaleColors[2]]: '#245681',
  [scaleColors[3]]: '#29689b',
  [scaleColors[4]]: '#4b93cd',
  [scaleColors[5]]: '#86bdec',
};

/** Style rules that turn the light attributes dark, each selector prefixed (`.chart`, `:root[data-theme=dark] .chart`). */
export function darkRules(prefix: string): string {
  return Object.entries(darkOf)
    .map(([light, dark]) => `${prefix} [fill="${light}"]{fill:${dark}}${prefix} [stroke="${light}"]{stroke:${dark}}`)
    .join('\n');
}

export function toneColor(tone: Tone): string {
  switch (tone) {
    case 'good':
      return seriesColors[2];
    case 'bad':
      return seriesColors[4];
    case 'warn':
      return seriesColors[1];
    case 'accent':
      return seriesColors[0];
    case 'neutral':
      return seriesColors[6];
    default:
      return tone satisfies never;
  }
}

export function tonePale(tone: Tone): string {
  switch (tone) {
    case 'good':
      return color.paleGood;
    case 'bad':
      return color.paleBad;
    case 'warn':
      return color.paleWarn;
    case 'accent':
      return color.paleAccent;
    case 'neutral':
      return color.paleNeutral;
    default:
      return tone satisfies never;
  }
}

export function seriesColor(index: number): string {
  return seriesColors[index % seriesColors.length] as string;
}

export const fontFamily = 'system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif';
export const fontSize = 13;
/** Width of every chart in its own units; a page scales it. */
export const chartWidth = 720;
