import { Command } from 'commander';
import { Progress } from '../progress.ts';
import { UsageError, wholeNumber } from '../usage-error.ts';

/**
 * `mqlab bench guard --against REV`: this checkout's broker beside the one of another revision, in pairs. Ratios, not times; no part of the tests.
 * Exit codes: 0 measured; 1 a ratio is below `--fail-below`; 2 usage; 3 it could not measure.
 */
interface GuardFlags {
  readonly against?: string;
  readonly pairs: string;
  readonly seconds: string;
  readonly failBelow?: string;
  readonly json?: boolean;
}

const EXIT_BELOW = 1;
const EXIT_NOT_MEASURED = 3;

export function benchGuardCommand(): Command {
  return new Command('guard')
    .description('this checkout beside another revision, in pairs: has the hot path become slower?')
    .option('--against <revision>', 'a branch, tag or commit of this repository')
    .option('--pairs <n>', 'rounds', '5')
    .option('--seconds <n>', 'of each measurement', '2')
    .option('--fail-below <ratio>', 'exit 1 when a ratio’s median is below, such as 0.9')
    .option('--json', 'one JSON object a line for each ratio')
    .action((flags: GuardFlags) => guard(flags));
}

async function guard(flags: GuardFlags): Promise<void> {
  if (flags.against === undefined) throw new UsageError('--against is needed: a branch, tag or commit');
  const failBelow = flags.failBelow === undefined ? null : Number(flags.failBelow);
  if (failBelow !== null && !(failBelow > 0 && failBelow <= 10))
    throw new UsageError(`--fail-below ${flags.failBelow}: a number above 0, such as 0.9, is wanted`);
  const pairs = wholeNumber('--pairs', flags.pairs, 1, 100);
  const seconds = wholeNumber('--seconds', flags.seconds, 1, 60);
  const { resolveRevision, runGuard } = await import('@mqlab/bench/guard/guard.ts');
  const commit = resolveRevision(flags.against);
  if (commit === null)
    throw new UsageError(
      `--against ${flags.against}: not a revision of this repository (a branch, tag or commit is wanted)`,
    );
  const progress = new Progress();
  try {
    const ratios = await runGuard({
      commit,
      pairs,
      measureMs: seconds * 1000,
      progress: (text) => progress.show('bench guard', 0, 0, text),
    });
    progress.clear();
    const times = (value: number): string => value.toFixed(3);
    if (!flags.json)
      console.log(`this checkout to ${flags.against} (${commit.slice(0, 10)}), ${pairs} pairs; above 1 is better`);
    for (const { what, ratio } of ratios) {
      if (flags.json) console.log(JSON.stringify({ what, against: commit, ...ratio, pairs: ratio.samples }));
      else console.log(`${what.padEnd(44)} ${times(ratio.median)}  (${times(ratio.min)} to ${times(ratio.max)})`);
    }
    const below = failBelow === null ? [] : ratios.filter(({ ratio }) => ratio.median < failBelow);
    for (const { what } of below) process.stderr.write(`below ${failBelow}: ${what}\n`);
    if (below.length > 0) process.exitCode = EXIT_BELOW;
  } catch (error) {
    progress.clear();
    process.stderr.write(`mqlab: not measured: ${(error as Error).message}\n`);
    process.exitCode = EXIT_NOT_MEASURED;
  }
}
