import { join } from 'node:path';
import { Command } from 'commander';
import { Progress } from '../progress.ts';
import { UsageError } from '../usage-error.ts';
import { REPORTS_OUT } from './lab.ts';

const PARTS = ['starts', 'throughput', 'connections'] as const;

interface ScaleFlags {
  readonly quick?: boolean;
  readonly only?: string;
  readonly bootstrapServer?: string;
  readonly system?: string;
  readonly out: string;
  readonly json?: boolean;
}

/** `mqlab bench scale`: what many partitions, topics and connections cost a node. */
export function benchScaleCommand(): Command {
  return new Command('scale')
    .description('what many partitions, topics and connections cost a node')
    .option('--quick', 'fewer sizes, shorter runs')
    .option('--only <parts>', `some of ${PARTS.join(', ')}`)
    .option('--bootstrap-server <host:port>', 'throughput against a server that runs already; its topics stay there')
    .option('--system <name>', 'what that server is, for the report')
    .option('--out <dir>', 'where the report is written', REPORTS_OUT)
    .option('--json', 'one JSON object a line for each result')
    .action(run);
}

async function run(flags: ScaleFlags): Promise<void> {
  const { runScale } = await import('@mqlab/bench/scale/run-scale.ts');
  const { buildReports, formatQuantity } = await import('@mqlab/reports/index.ts');
  const parts = new Set<string>(flags.only?.split(',') ?? PARTS);
  for (const part of parts) {
    if (!PARTS.some((each) => each === part)) throw new UsageError(`--only ${part}: some of ${PARTS.join(', ')}`);
  }
  const progress = new Progress();
  const data = await runScale({
    profile: flags.quick === true ? 'quick' : 'full',
    parts: parts as Set<(typeof PARTS)[number]>,
    bootstrap: flags.bootstrapServer,
    system: flags.system,
    replay: `npx mqlab bench scale${flags.quick === true ? ' --quick' : ''}${flags.only === undefined ? '' : ` --only ${flags.only}`}`,
    progress: (text) => progress.show('bench scale', 0, 0, text),
  });
  progress.clear();
  for (const result of data.results) {
    if (flags.json) console.log(JSON.stringify(result));
    else {
      const spread = `${formatQuantity(result.min, result.unit)} … ${formatQuantity(result.max, result.unit)}`;
      const figure = `${formatQuantity(result.median, result.unit)} (${spread})`;
      console.log(`${`${result.workload}, ${result.metric}`.padEnd(84)} ${figure}`);
    }
  }
  buildReports({ runDataDir: join(flags.out, 'data'), runs: [data], outDir: flags.out });
  if (!flags.json) console.log(`read ${join(flags.out, `bench-${data.bench}.md`)} or ${join(flags.out, 'index.html')}`);
}
