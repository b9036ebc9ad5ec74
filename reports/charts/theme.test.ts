/** Colours of charts can be read on either background, and text on them too. */
import { expect, test } from 'vitest';
import { color, darkRules, scaleColors, seriesColors } from './theme.ts';

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5]
    .map((start) => Number.parseInt(hex.slice(start, start + 2), 16) / 255)
    .map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

const rules = darkRules('.chart');
const darkOf = (light: string) =>
  new RegExp(`\\[fill="${light}"\\]\\{fill:(#[0-9a-f]{6})\\}`).exec(rules)?.[1] ?? light;
const darkPage = darkOf(color.halo);

test.each(seriesColors)('series colour %s', (series) => {
  expect(contrast(series, '#ffffff')).toBeGreaterThan(4.5);
  expect(contrast(series, darkPage)).toBeGreaterThan(3);
});

test('text on cells', () => {
  scaleColors.forEach((cell, index) => {
    const ink = index < 4 ? color.inkOnPale : color.inkOnDeep;
    expect(contrast(cell, ink), cell).toBeGreaterThan(4.5);
    expect(contrast(darkOf(cell), darkOf(ink)), `${cell}, dark`).toBeGreaterThan(4.5);
  });
  for (const pale of [color.paleGood, color.paleBad, color.paleWarn, color.paleNeutral, color.paleAccent]) {
    expect(contrast(pale, color.inkOnPale), pale).toBeGreaterThan(4.5);
    expect(contrast(darkOf(pale), darkOf(color.inkOnPale)), `${pale}, dark`).toBeGreaterThan(4.5);
  }
});

test('a role has a colour of its own', () => {
  const all = [...Object.values(color), ...seriesColors, ...scaleColors];
  expect(new Set(all).size).toBe(all.length);
});
