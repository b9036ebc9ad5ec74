/**
 * Numbers as text. One place decides digits, separators and unit scaling, so that a figure reads the same in prose, in
 * a table and beside its spread.
 *
 * Invariant: three significant digits unless the value is a count; the unit is chosen by the value and a spread uses
 * the unit of its value.
 */
import type { Figure } from './run-data.ts';

type Scaled = { readonly factor: number; readonly unit: string };

const byteUnits = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'] as const;

function scaleOf(value: number, unit: string): Scaled {
  const size = Math.abs(value);
  switch (unit) {
    case 'ns':
      return size >= 1e9
        ? { factor: 1e-9, unit: 's' }
        : size >= 1e6
          ? { factor: 1e-6, unit: 'ms' }
          : size >= 1e3
            ? { factor: 1e-3, unit: 'µs' }
            : { factor: 1, unit: 'ns' };
    case 'us':
      return size >= 1e6
        ? { factor: 1e-6, unit: 's' }
        : size >= 1e3
          ? { factor: 1e-3, unit: 'ms' }
          : { factor: 1, unit: 'µs' };
    case 'ms':
      return size >= 10_000
        ? { factor: 1e-3, unit: 's' }
        : size < 1 && size > 0
          ? { factor: 1e3, unit: 'µs' }
          : { factor: 1, unit: 'ms' };
    case 's':
      return size >= 7200
        ? { factor: 1 / 3600, unit: 'h' }
        : size >= 600
          ? { factor: 1 / 60, unit: 'min' }
          : { factor: 1, unit: 's' };
    case 'bytes':
    case 'bytes/s': {
      const power = size < 1000 ? 0 : Math.min(byteUnits.length - 1, Math.floor(Math.log10(size) / 3));
      return { factor: 1000 ** -power, unit: `${byteUnits[power]}${unit === 'bytes/s' ? '/s' : ''}` };
    }
    default:
      return { factor: 1, unit };
  }
}

/** `1,234`, `12.3`, `0.0457`: three significant digits, and whole numbers from 100 up. */
export function formatNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return value.toLocaleString('en-US');
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString('en-US');
  if (size < 1e-4) return value.toExponential(2);
  return String(Number(value.toPrecision(3)));
}

/** For axes and bars: `12k`, `1.5M`. */
export function compactNumber(value: number): string {
  const size = Math.abs(value);
  for (const [limit, suffix] of [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e4, 'k'],
  ] as const) {
    if (size >= limit) return `${Number((value / (limit === 1e4 ? 1e3 : limit)).toPrecision(3))}${suffix}`;
  }
  return formatNumber(value);
}

function joined(number: string, unit: string): string {
  if (unit === '' || unit === 'count') return number;
  if (unit === '%') return `${number}\u00a0%`;
  if (unit === 'ratio') return `${number}×`;
  return `${number}\u00a0${unit}`;
}

/** `1,234 records/s`; the space is one that does not break. */
export function formatQuantity(value: number, unit: string): string {
  const scaled = scaleOf(value, unit);
  return joined(formatNumber(value * scaled.factor), scaled.unit);
}

/** `(1,100–1,300, n = 5)`, or nothing where no spread was measured. */
export function formatSpread(figure: Pick<Figure, 'value' | 'unit' | 'samples' | 'min' | 'max'>): string {
  const { factor } = scaleOf(figure.value, figure.unit);
  const parts: string[] = [];
  if (figure.min !== undefined && figure.max !== undefined)
    parts.push(`${formatNumber(figure.min * factor)}–${formatNumber(figure.max * factor)}`);
  if (figure.samples !== undefined) parts.push(`n = ${formatNumber(figure.samples)}`);
  return parts.length === 0 ? '' : `(${parts.join(', ')})`;
}

export function formatFigure(figure: Figure): string {
  return formatQuantity(figure.value, figure.unit);
}

/** With spread, and with its label unless it was measured: `12 ms (11–14, n = 5)`, `3 TB (derived)`. */
export function formatFigureFully(figure: Figure): string {
  return [formatFigure(figure), formatSpread(figure), figure.label === 'measured' ? '' : `(${figure.label})`]
    .filter((part) => part !== '')
    .join(' ');
}

/** How much `after` differs from `before`: `−12 %`, `+3.4 %`, `1.8×`. */
export function formatChange(before: Figure, after: Figure): string {
  if (before.unit !== after.unit || before.value === 0) return '–';
  const ratio = after.value / before.value;
  if (ratio >= 2 || ratio <= 0.5) return `${formatNumber(Number(ratio.toPrecision(3)))}×`;
  const percent = (ratio - 1) * 100;
  const sign = percent < 0 ? '−' : '+';
  return `${sign}${formatNumber(Number(Math.abs(percent).toPrecision(2)))}\u00a0%`;
}

/** `2026-01-31 12:00 UTC`. */
export function formatInstant(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}
