/**
 * Run data files: checked when written and when read. A file that does not hold what `run-data.ts` promises is refused
 * with every problem and its path; nothing downstream checks again.
 *
 * Invariant: what `checkRunData` lets through renders without a missing name. Bytes are stable: the same data gives the
 * same file (two spaces, keys in the order in which the run made them).
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ChartSpec, TimelineEvent } from './chart-spec.ts';
import { type BenchRunData, benchRunSchema, type LabRunData, labRunSchema, type RunData } from './run-data.ts';
import { benchRunShape, labRunShape } from './run-data-shape.ts';
import type { Problems } from './shape.ts';

/** Thrown for data that cannot be reported; the message lists every problem. */
export class RunDataError extends Error {
  readonly problems: readonly string[];

  constructor(origin: string, problems: readonly string[]) {
    super(`${origin} is not run data:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'RunDataError';
    this.problems = problems;
  }
}

/** The name under which a run is reported and stored. */
export function runName(run: RunData): string {
  return run.schema === labRunSchema ? run.lab : `bench-${run.bench}`;
}

/** Checks shape and references; returns the value as typed run data or throws RunDataError. */
export function checkRunData(value: unknown, origin = 'run data'): RunData {
  const problems: Problems = [];
  const schema = typeof value === 'object' && value !== null ? (value as { schema?: unknown }).schema : undefined;
  if (schema === labRunSchema) labRunShape(value, 'run', problems);
  else if (schema === benchRunSchema) benchRunShape(value, 'run', problems);
  else
    problems.push(
      `run.schema: expected ${labRunSchema} or ${benchRunSchema}, got ${JSON.stringify(schema) ?? 'nothing'}`,
    );
  if (problems.length === 0) checkReferences(value as RunData, problems);
  if (problems.length > 0) throw new RunDataError(origin, problems);
  return value as RunData;
}

function checkReferences(run: RunData, problems: Problems): void {
  const figureNames = new Set(Object.keys(run.figures));
  const needFigure = (name: string, path: string) => {
    if (!figureNames.has(name))
      problems.push(`${path}: no figure named "${name}"; figures: ${[...figureNames].join(', ') || 'none'}`);
  };
  for (const [name, table] of Object.entries(run.tables)) {
    table.rows.forEach((row, index) => {
      const path = `run.tables.${name}.rows[${index}]`;
      if (row.length !== table.columns.length)
        problems.push(`${path}: ${table.columns.length} columns, got ${row.length} cells`);
      for (const cell of row)
        if (typeof cell === 'object' && cell !== null && 'figure' in cell) needFigure(cell.figure, path);
    });
  }
  for (const [name, chart] of Object.entries(run.charts)) checkChart(chart, `run.charts.${name}`, problems);
  if (run.schema === labRunSchema) checkLab(run, needFigure, problems);
}

function checkLab(run: LabRunData, needFigure: (name: string, path: string) => void, problems: Problems): void {
  const claimIds = new Set(run.claims.map((claim) => claim.id));
  const decided = new Map<string, string>();
  run.verdicts.forEach((row, index) => {
    const path = `run.verdicts[${index}]`;
    if (row.lab !== run.lab) problems.push(`${path}.lab: expected "${run.lab}", got "${row.lab}"`);
    if (!claimIds.has(row.claim)) problems.push(`${path}.claim: ${row.claim} is not among run.claims`);
    const before = decided.get(row.claim);
    if (before !== undefined && before !== row.claimVerdict)
      problems.push(
        `${path}.claimVerdict: ${row.claim} is already ${before}, now ${row.claimVerdict}; rows must agree`,
      );
    decided.set(row.claim, before ?? row.claimVerdict);
  });
  for (const [name, witness] of Object.entries(run.witnesses)) {
    const path = `run.witnesses.${name}`;
    if (!claimIds.has(witness.claim)) problems.push(`${path}.claim: ${witness.claim} is not among run.claims`);
    checkEvents(witness.processes, witness.events, path, problems);
  }
  (run.price ?? []).forEach((row, index) => {
    needFigure(row.before, `run.price[${index}].before`);
    needFigure(row.after, `run.price[${index}].after`);
  });
}

function checkChart(chart: ChartSpec, path: string, problems: Problems): void {
  const within = (index: number, size: number, where: string) => {
    if (index >= size) problems.push(`${where}: index ${index} of ${size}`);
  };
  switch (chart.type) {
    case 'bar':
      for (const series of chart.series)
        for (const values of [series.values, series.min, series.max])
          if (values !== undefined && values.length !== chart.categories.length)
            problems.push(
              `${path}, series ${series.name}: ${chart.categories.length} categories, ${values.length} values`,
            );
      return;
    case 'heatmap':
      for (const cell of chart.cells) {
        within(cell.column, chart.columns.length, `${path}.cells (column)`);
        within(cell.row, chart.rows.length, `${path}.cells (row)`);
      }
      return;
    case 'gantt':
      for (const bar of chart.bars) within(bar.row, chart.rows.length, `${path}.bars (row)`);
      return;
    case 'lanes':
      for (const point of chart.points) within(point.lane, chart.lanes.length, `${path}.points (lane)`);
      return;
    case 'timeline':
      checkEvents(chart.processes, chart.events, path, problems);
      return;
    case 'line':
    case 'scatter':
      return;
    default:
      chart satisfies never;
  }
}

function checkEvents(
  processes: readonly string[],
  events: readonly TimelineEvent[],
  path: string,
  problems: Problems,
): void {
  events.forEach((event, index) => {
    for (const process of [event.process, event.to])
      if (process !== undefined && !processes.includes(process))
        problems.push(`${path}.events[${index}]: process "${process}" has no lane; lanes: ${processes.join(', ')}`);
  });
}

export function parseRunData(text: string, origin = 'run data'): RunData {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new RunDataError(origin, [`not JSON: ${(error as Error).message}`]);
  }
  return checkRunData(value, origin);
}

export function readRunData(file: string): RunData {
  return parseRunData(readFileSync(file, 'utf8'), file);
}

/** Every `*.json` of a directory, by file name. */
export function readRunDataDir(directory: string): RunData[] {
  const names = readdirSync(directory).filter((name) => name.endsWith('.json'));
  return names.sort().map((name) => readRunData(join(directory, name)));
}

/** The file's text; `writeRunData` is the usual road. */
export function runDataText(run: LabRunData | BenchRunData): string {
  return `${JSON.stringify(run, null, 2)}\n`;
}

/** Checks and writes; returns the path `DIRECTORY/NAME.json`. */
export function writeRunData(directory: string, run: RunData): string {
  checkRunData(run, `run data of ${runName(run)}`);
  const file = join(directory, `${runName(run)}.json`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, runDataText(run));
  return file;
}
