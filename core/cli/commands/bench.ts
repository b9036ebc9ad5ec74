import { join } from 'node:path';
import { Command } from 'commander';
import { Progress } from '../progress.ts';
import { oneOf } from '../usage-error.ts';
import { benchCompareCommand, benchInstallCommand } from './bench-compare.ts';
import { benchGoalsCommand } from './bench-goals.ts';
import { benchGuardCommand } from './bench-guard.ts';
import { benchScaleCommand } from './bench-scale.ts';
import { benchSimCommand } from './bench-sim.ts';
import { REPORTS_OUT } from './lab.ts';

const EXIT_INTERRUPTED = 130;
/** A few for each server that runs. */
const EXIT_LISTENERS_MAX = 100;

/** `mqlab bench …`: measurements. They are no tests: no figure makes them fail. */
export function benchCommand(): Command {
  const bench = new Command('bench').description('measure on this machine').addCommand(benchScaleCommand());
  bench
    .command('micro')
    .description('single operations, and the same fetch by sendfile and by copy')
    .option('--profile <profile>', 'quick or full', 'quick')
    .option('--out <dir>', 'where the report is written', REPORTS_OUT)
    .option('--json', 'one JSON object a line for each result')
    .action(async (flags: { profile: string; out: string; json?: boolean }) => {
      const { runMicro } = await import('@mqlab/bench/micro/micro.ts');
      const { buildReports, formatQuantity } = await import('@mqlab/reports/index.ts');
      const progress = new Progress();
      const profile = oneOf('--profile', flags.profile, ['quick', 'full']);
      const data = await runMicro({
        profile,
        replay: `npx mqlab bench micro --profile ${profile}`,
        progress: (text) => progress.show('bench micro', 0, 0, text),
      });
      progress.clear();
      for (const result of data.results) {
        if (flags.json) console.log(JSON.stringify(result));
        else {
          const figure = formatQuantity(result.median, result.unit);
          console.log(`${result.group.padEnd(14)} ${`${result.workload}, ${result.metric}`.padEnd(76)} ${figure}`);
        }
      }
      buildReports({ runDataDir: join(flags.out, 'data'), runs: [data], outDir: flags.out });
      if (!flags.json) console.log(`read ${join(flags.out, 'bench-micro.md')} or ${join(flags.out, 'index.html')}`);
    });
  bench.addCommand(benchCompareCommand(REPORTS_OUT));
  bench.addCommand(benchInstallCommand());
  bench.addCommand(benchGoalsCommand(REPORTS_OUT));
  bench.addCommand(benchGuardCommand());
  bench.addCommand(benchSimCommand(REPORTS_OUT));
  // Servers, their folders and checkouts are taken away at the process's end: an interruption is to be one.
  bench.hook('preAction', () => {
    process.setMaxListeners(EXIT_LISTENERS_MAX);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(EXIT_INTERRUPTED));
  });
  return bench;
}
