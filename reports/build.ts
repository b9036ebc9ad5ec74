/**
 * Run data to reports: `<lab>.md`, `bench-<name>.md`, `index.md`, `charts/*.svg`, `data/*.json` and the offline page
 * `index.html`. `renderReports` is pure (a map from path to text); `buildReports` reads and writes.
 *
 * Invariant: the same runs give the same bytes, whatever their order. Nothing is written when anything fails.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { drawChart, drawWitness } from './charts/draw.ts';
import { checkRunData, readRunDataDir, runDataText, runName } from './load-run-data.ts';
import { chartPath, witnessChartName } from './markdown-blocks.ts';
import { renderPage } from './page/page.ts';
import { benchReportName, renderBench } from './render-bench.ts';
import { renderIndex } from './render-index.ts';
import { renderLab } from './render-lab.ts';
import { type BenchRunData, benchRunSchema, type LabRunData, labRunSchema, type RunData } from './run-data.ts';

export type RenderOptions = {
  /** Language of the templates; default `en`. */
  readonly language?: string;
  /** Templates by lab, in place of the text that the run data bring along. */
  readonly templates?: Readonly<Record<string, string>>;
  readonly title?: string;
};

export type BuildOptions = RenderOptions & {
  /** Either a directory of `*.json`… */
  readonly runDataDir?: string;
  /** …or the data themselves; both together are joined, and of one name the latter win. */
  readonly runs?: readonly RunData[];
  readonly outDir: string;
};

function textOf(run: LabRunData, options: RenderOptions): { template: string; origin: string } {
  const language = options.language ?? 'en';
  const override = options.templates?.[run.lab];
  const template = override ?? run.text[language];
  if (template !== undefined) return { template, origin: `text.${language}.md of lab ${run.lab}` };
  const languages = Object.keys(run.text).join(', ') || 'none';
  throw new Error(`lab ${run.lab} has no text in language "${language}"; languages: ${languages}`);
}

/** Labs by their lowest claim, as the claims are numbered. */
function labOrder(a: LabRunData, b: LabRunData): number {
  const key = (run: LabRunData) => `${[...run.claims.map((claim) => claim.id)].sort()[0] ?? 'Z'} ${run.lab}`;
  return key(a) < key(b) ? -1 : 1;
}

/** Every file of the reports, by its path below the output directory. */
export function renderReports(runs: readonly RunData[], options: RenderOptions = {}): Map<string, string> {
  const labs = runs.filter((run): run is LabRunData => run.schema === labRunSchema).sort(labOrder);
  const benches = runs
    .filter((run): run is BenchRunData => run.schema === benchRunSchema)
    .sort((a, b) => (a.bench < b.bench ? -1 : 1));
  const files = new Map<string, string>();
  const charts = new Map<string, string>();
  for (const run of [...labs, ...benches]) {
    const report = runName(run);
    for (const [name, chart] of Object.entries(run.charts))
      charts.set(chartPath(report, name), drawChart(chartId(report, name), chart));
    if (run.schema === labRunSchema)
      for (const [name, witness] of Object.entries(run.witnesses)) {
        const chartName = witnessChartName(name);
        charts.set(chartPath(report, chartName), drawWitness(chartId(report, chartName), witness));
      }
  }
  const documents = [
    { id: 'claims', markdown: renderIndex(labs, benches) },
    ...labs.map((run) => ({ id: run.lab, markdown: renderLab(run, textOf(run, options)) })),
    ...benches.map((run) => ({ id: benchReportName(run), markdown: renderBench(run) })),
  ];
  for (const { id, markdown } of documents) files.set(id === 'claims' ? 'index.md' : `${id}.md`, markdown);
  for (const [path, svg] of charts) files.set(path, svg);
  for (const run of [...labs, ...benches]) files.set(`data/${runName(run)}.json`, runDataText(run));
  files.set('index.html', renderPage({ title: options.title ?? 'mqlab study reports', documents, charts }));
  return files;
}

function chartId(report: string, name: string): string {
  return `${report}-${name}`.replace(/[^\w-]/g, '-');
}

/** Reads, renders and writes; returns the paths written, relative to `outDir`. */
export function buildReports(options: BuildOptions): string[] {
  const byName = new Map<string, RunData>();
  // The first run of all makes the directory; with no run at hand a directory that is not there is an error.
  const isFirst = options.runs !== undefined && options.runDataDir !== undefined && !existsSync(options.runDataDir);
  for (const run of options.runDataDir === undefined || isFirst ? [] : readRunDataDir(options.runDataDir))
    byName.set(runName(run), run);
  for (const run of options.runs ?? []) byName.set(runName(run), checkRunData(run, `run data of ${runName(run)}`));
  const files = renderReports([...byName.values()], options);
  removeOldCharts(options.outDir, files);
  for (const [path, content] of files) {
    const file = join(options.outDir, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  return [...files.keys()];
}

/** Pictures of an earlier build that this one no longer has. */
function removeOldCharts(outDir: string, files: ReadonlyMap<string, string>): void {
  let names: string[];
  try {
    names = readdirSync(join(outDir, 'charts'));
  } catch {
    return; // nothing was built here yet
  }
  for (const name of names)
    if (/^[a-z][a-z0-9-]*\.[\w.-]+\.svg$/.test(name) && !files.has(`charts/${name}`))
      rmSync(join(outDir, 'charts', name));
}
