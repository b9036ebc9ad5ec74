import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { Progress } from '../progress.ts';
import { UsageError, wholeNumber } from '../usage-error.ts';

/**
 * `mqlab lab mutations`: plants faults in the broker, one at a time, and says which checker saw each. Writes the table to `mutations.md` and `mutations.json`.
 *
 * Exit codes: 0 all were caught by who should see them; 1 one was not.
 */
interface MutationFlags {
  readonly runs?: string;
  readonly seed?: string;
  readonly out: string;
  readonly json?: boolean;
}

export function mutationsCommand(out: string): Command {
  return new Command('mutations')
    .description('plant faults in the broker and see who notices')
    .argument('[ids...]', 'which ones (default: all)')
    .option('--runs <n>', 'plans until a fault counts as not noticed')
    .option('--seed <n>', 'the seed of the plans')
    .option('--out <dir>', 'where the table is written', out)
    .option('--json', 'one JSON object a line for each fault')
    .action(async (ids: string[], flags: MutationFlags) => {
      const { loadMutation, mutationNames } = await import('@mqlab/labs/kit/mutation.ts');
      const { mutationsMarkdown, runMutations } = await import('@mqlab/labs/kit/run-mutations.ts');
      const known = mutationNames();
      const unknown = ids.find((id) => !known.includes(id));
      if (unknown !== undefined) throw new UsageError(`no fault is called ${unknown}; allowed are ${known.join(', ')}`);
      const mutations = await Promise.all((ids.length > 0 ? ids : known).map(loadMutation));
      const progress = new Progress();
      let done = 0;
      const results = await runMutations(mutations, {
        workers: availableParallelism(),
        ...(flags.runs === undefined ? {} : { plansMax: wholeNumber('--runs', flags.runs, 1) }),
        ...(flags.seed === undefined ? {} : { seed: wholeNumber('--seed', flags.seed, 0, 0xffff_ffff) }),
        onResult: (result) => {
          progress.show('planted faults', ++done, mutations.length, `${result.id}: ${result.status}`);
          if (!flags.json) return;
          progress.clear();
          console.log(JSON.stringify(result));
        },
      });
      progress.clear();
      mkdirSync(flags.out, { recursive: true });
      writeFileSync(join(flags.out, 'mutations.json'), `${JSON.stringify(results, null, 2)}\n`);
      writeFileSync(join(flags.out, 'mutations.md'), mutationsMarkdown(results));
      if (!flags.json) {
        for (const { id, status, caughtBy, plans } of results) {
          console.log(`${status === 'caught' ? '✓' : '✗'} ${id}: ${status} ${caughtBy.join(', ')} in ${plans} plans`);
        }
      }
      process.exitCode = results.every((each) => each.status === 'caught') ? 0 : 1;
    });
}
