import { join } from 'node:path';
import { Command } from 'commander';
import { collect } from '../client-options.ts';
import { Progress } from '../progress.ts';
import { oneOf, wholeNumber } from '../usage-error.ts';

/** `mqlab bench goals`: the table of the goals of performance, by one run. A goal that is not reached is no failure of the command. */
interface GoalsFlags {
  readonly pairs: string;
  readonly part: readonly string[];
  readonly quick?: boolean;
  readonly out: string;
  readonly json?: boolean;
}

export function benchGoalsCommand(out: string): Command {
  return new Command('goals')
    .description('the goals of performance: measured value, ratio to Kafka, reached or not')
    .option('--pairs <n>', 'rounds', '5')
    .option('--part <name>', 'only this part of the run; may be repeated', collect, [])
    .option('--quick', 'short runs: for a look, not for a figure')
    .option('--out <dir>', 'where the report is written', out)
    .option('--json', 'one JSON object a line for each goal')
    .action((flags: GoalsFlags) => goals(flags));
}

async function goals(flags: GoalsFlags): Promise<void> {
  const { PEERS: peers } = await import('@mqlab/bench/peers/peers.ts');
  const { parts } = await import('@mqlab/bench/goals/parts/parts.ts');
  const names = parts.map(({ name }) => name);
  for (const name of flags.part) oneOf('--part', name, names);
  const pairs = wholeNumber('--pairs', flags.pairs, 1, 100);
  const { runGoals } = await import('@mqlab/bench/goals/run-goals.ts');
  const { goalWords } = await import('@mqlab/bench/goals/report.ts');
  const { buildReports } = await import('@mqlab/reports/index.ts');
  const progress = new Progress();
  const quick = flags.quick === true;
  const partFlags = flags.part.map((name) => ` --part ${name}`).join('');
  const { lines, data, failures } = await runGoals({
    peers,
    parts: flags.part.length === 0 ? parts : parts.filter(({ name }) => flags.part.includes(name)),
    pairs,
    quick,
    replay: `npx mqlab bench goals --pairs ${pairs}${partFlags}${quick ? ' --quick' : ''}`,
    progress: (text) => progress.show('bench goals', 0, 0, text),
    onSkipped: ({ name, why }) => {
      progress.clear();
      process.stderr.write(`skipped ${name}: ${why}\n`);
    },
  });
  progress.clear();
  for (const line of lines) {
    const { what, workload, goal, ours, ratios } = goalWords(line);
    if (flags.json) {
      const { unit, value, reached } = line;
      console.log(JSON.stringify({ goal: what, workload, demand: goal, unit, value, ratios: line.ratios, reached }));
    } else if (line.reached !== 'not measured' || flags.part.length === 0)
      console.log(`${line.reached.padEnd(13)} ${what}: ${ours}${ratios === '–' ? '' : `, ${ratios}`}  [${goal}]`);
  }
  for (const failure of failures) process.stderr.write(`${failure}\n`);
  buildReports({ runDataDir: join(flags.out, 'data'), runs: [data], outDir: flags.out });
  if (!flags.json) console.log(`read ${join(flags.out, 'bench-goals.md')} or ${join(flags.out, 'index.html')}`);
}
