/** The page of one benchmark run: results in groups with their spread, then charts, tables and the environment. */
import type { ChartSpec } from './chart-spec.ts';
import { markdownFence, markdownText } from './escape.ts';
import { formatNumber, formatQuantity, formatSpread } from './format.ts';
import { type Column, chartBlock, markdownTable, tableBlock } from './markdown-blocks.ts';
import { environment, figureTable, limits } from './render-lab.ts';
import type { BenchResult, BenchRunData } from './run-data.ts';

export function benchReportName(run: BenchRunData): string {
  return `bench-${run.bench}`;
}

export function renderBench(run: BenchRunData): string {
  const report = benchReportName(run);
  // What was asked comes first, what it was made of after it.
  const { summary, ...tables } = run.tables;
  const parts = [
    `# ${markdownText(run.title)}`,
    run.about.trim(),
    'Run it again:',
    markdownFence(run.replay, 'sh'),
    summary === undefined ? '' : tableBlock(summary, run.figures),
    ...groupsOf(run.results).flatMap(([group, results]) => [`## ${markdownText(group)}`, resultTable(results)]),
    ...Object.entries(run.charts).map(([name, chart]: [string, ChartSpec]) => chartBlock(report, name, chart)),
    ...Object.values(tables).map((table) => tableBlock(table, run.figures)),
    '## About this run',
    ...environment(run),
    figureTable(run.figures),
    limits(run.limits),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function groupsOf(results: readonly BenchResult[]): [string, BenchResult[]][] {
  const groups = new Map<string, BenchResult[]>();
  for (const result of results) groups.set(result.group, [...(groups.get(result.group) ?? []), result]);
  return [...groups];
}

function resultTable(results: readonly BenchResult[]): string {
  const isCompared = results.some((result) => result.ratioToKafka !== undefined);
  const columns: Column[] = [
    { name: 'Workload' },
    { name: 'Metric' },
    { name: 'System' },
    { name: 'Median', align: 'right' },
    { name: 'Spread', align: 'right' },
    ...(isCompared
      ? ([
          { name: 'To Kafka', align: 'right' },
          { name: 'Pairs', align: 'right' },
        ] as Column[])
      : []),
    { name: 'Better' },
  ];
  const rows = results.map((result) => [
    markdownText(result.workload),
    markdownText(result.metric),
    markdownText(`${result.system} ${result.version}`),
    formatQuantity(result.median, result.unit),
    formatSpread({ ...result, value: result.median }),
    ...(isCompared
      ? [
          result.ratioToKafka === undefined ? '–' : formatQuantity(result.ratioToKafka, 'ratio'),
          result.pairs === undefined ? '–' : formatNumber(result.pairs),
        ]
      : []),
    result.betterIs,
  ]);
  return markdownTable(columns, rows);
}
