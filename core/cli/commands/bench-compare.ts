import { join } from 'node:path';
import { Command } from 'commander';
import { collect } from '../client-options.ts';
import { Progress } from '../progress.ts';
import { oneOf, wholeNumber } from '../usage-error.ts';

/** `mqlab bench compare` and `mqlab bench install`: systems side by side, and what is needed for them. */
interface CompareFlags {
  readonly workload: readonly string[];
  readonly system: readonly string[];
  readonly pairs?: string;
  readonly out: string;
  readonly json?: boolean;
  readonly quick?: boolean;
  readonly tools: boolean;
}

const PAIRS = 5;
const PAIRS_QUICK = 1;
const PAIRS_MAX = 100;
const WORKLOADS = ['records-1k'];

export function benchCompareCommand(out: string): Command {
  return new Command('compare')
    .description('one workload, several systems, in turn: throughput, latency, processor time, memory, start')
    .option(
      '--workload <name|file>',
      'one of bench/compare/workloads, or a file; may be repeated (default: records-1k)',
      collect,
      [],
    )
    .option('--system <name>', 'only these systems; may be repeated (default: all that are installed)', collect, [])
    .option('--pairs <n>', `rounds (default: ${PAIRS}, with --quick ${PAIRS_QUICK})`)
    .option('--quick', 'short runs: for a look, not for a figure')
    .option('--no-tools', 'without Kafka’s own tools and the generators’ ceilings')
    .option('--out <dir>', 'where the report is written', out)
    .option('--json', 'one JSON object a line for each figure')
    .action((flags: CompareFlags) => compare(flags));
}

async function compare(flags: CompareFlags): Promise<void> {
  const { PEERS: peers } = await import('@mqlab/bench/peers/peers.ts');
  const { loadWorkload } = await import('@mqlab/bench/compare/workload.ts');
  const names = flags.workload.length > 0 ? flags.workload : WORKLOADS;
  const workloads = names.map((name) => loadWorkload(name));
  const known = peers.map(({ name }) => name);
  for (const name of flags.system) oneOf('--system', name, known);
  const quick = flags.quick === true;
  const pairs =
    flags.pairs === undefined ? (quick ? PAIRS_QUICK : PAIRS) : wholeNumber('--pairs', flags.pairs, 1, PAIRS_MAX);
  const { runCompare } = await import('@mqlab/bench/compare/run-compare.ts');
  const { jsonLine } = await import('@mqlab/bench/compare/samples.ts');
  const { buildReports } = await import('@mqlab/reports/index.ts');
  const progress = new Progress();
  const data = await runCompare({
    workloads,
    peers: flags.system.length === 0 ? peers : peers.filter(({ name }) => flags.system.includes(name)),
    pairs,
    quick,
    neutral: flags.tools,
    replay: [
      'npx mqlab bench compare',
      ...names.map((name) => `--workload ${name}`),
      ...flags.system.map((name) => `--system ${name}`),
      `--pairs ${pairs}`,
      ...(quick ? ['--quick'] : []),
      ...(flags.tools ? [] : ['--no-tools']),
    ].join(' '),
    progress: (text) => progress.show('bench compare', 0, 0, text),
    onSkipped: ({ name, why }) => {
      progress.clear();
      process.stderr.write(`skipped ${name}: ${why}\n`);
    },
  });
  progress.clear();
  if (flags.json) for (const result of data.results) console.log(jsonLine(result));
  else await print(data.results);
  for (const limit of data.limits.slice(2)) process.stderr.write(`${limit}\n`);
  buildReports({ runDataDir: join(flags.out, 'data'), runs: [data], outDir: flags.out });
  if (!flags.json) console.log(`read ${join(flags.out, 'bench-compare.md')} or ${join(flags.out, 'index.html')}`);
}

async function print(results: readonly import('@mqlab/reports/run-data.ts').BenchResult[]): Promise<void> {
  const { formatQuantity } = await import('@mqlab/reports/index.ts');
  let group = '';
  for (const result of results) {
    if (result.group !== group) console.log(`\n${(group = result.group)}`);
    const range = `${formatQuantity(result.min, result.unit)} to ${formatQuantity(result.max, result.unit)}`;
    const ratio =
      result.ratioToKafka === undefined || result.system === 'kafka' ? '' : `${result.ratioToKafka.toFixed(2)} × Kafka`;
    console.log(
      `${result.metric.padEnd(56)} ${result.system.padEnd(18)} ${formatQuantity(result.median, result.unit).padStart(14)}  ${range.padEnd(30)} ${ratio}`.trimEnd(),
    );
  }
}

export function benchInstallCommand(): Command {
  return new Command('install')
    .description('fetch a system to compare with (kafka: by Maven)')
    .argument('<name>', 'which')
    .action(async (name: string) => {
      const { INSTALLS: installs } = await import('@mqlab/bench/peers/peers.ts');
      await installs[oneOf('bench install', name, Object.keys(installs))]!((line) => console.log(line));
    });
}
