import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { MeasuredBy } from '@mqlab/labs/capacity/measured-figures.ts';
import { Command } from 'commander';
import { Progress } from '../progress.ts';
import { UsageError } from '../usage-error.ts';
import { type CapacityFlags, parseCapacityFlags } from './capacity-inputs.ts';
import { REPORTS_OUT } from './lab.ts';

/**
 * `mqlab capacity`: how many machines for your load. Goes by what the lab `capacity` measured last, by a file, or measures for about ten seconds and says so.
 * Every number says whether it was measured, derived, borrowed or given.
 */
interface Flags extends CapacityFlags {
  readonly measured?: string;
  readonly measure?: boolean;
  readonly input?: string;
  readonly json?: boolean;
}

const LAST_RUN = join(REPORTS_OUT, 'data', 'capacity.json');

export function capacityCommand(): Command {
  return new Command('capacity')
    .description('how many machines: a plan from measured figures, beside the formula of the notes')
    .option('--users <n>', 'users a day (default: 1e6)')
    .option('--messages-per-user <n>', 'messages of each in a day (default: 100)')
    .option('--bytes <n>', 'bytes of a message (default: 1024)')
    .option('--peak-factor <x>', 'peak over the average of the day (default: 20)')
    .option('--replicas <n>', 'copies of each partition (default: 2)')
    .option('--retention <time>', 'how long messages are kept: 3d, 72h (default: 3d)')
    .option('--target-utilization <share>', 'how busy a broker may be at the peak (default: 0.6)')
    .option('--consumer-groups <n>', 'groups that each read everything (default: 1)')
    .option(
      '--consumer-ms-per-record <ms>',
      'what one consumer takes to process a record (default: only reading counts)',
    )
    .option('--lag <time>', 'how far behind a reader may be and still read from memory (default: 5m)')
    .option('--compression <type>', 'none, gzip, snappy, lz4, zstd: as stored (default: none)')
    .option('--measured <file>', 'go by this run data of the lab capacity (default: that of its last run)')
    .option('--measure', 'measure now, for about ten seconds')
    .option('--input <file>', 'with --measure: records of your own, NDJSON or CSV')
    .option('--json', 'the plan as one JSON object')
    .action(async (flags: Flags, command: Command) => {
      if (command.args.length > 0) throw new UsageError(`${command.args[0]}: mqlab capacity takes flags only`);
      await run(flags);
    });
}

async function run(flags: Flags): Promise<void> {
  const { inputs: given } = parseCapacityFlags(flags);
  if (flags.measured !== undefined && flags.measure) throw new UsageError('--measured FILE or --measure, not both');
  const { NOTES_INPUTS } = await import('@mqlab/labs/capacity/inputs.ts');
  const { planCapacity } = await import('@mqlab/labs/capacity/plan.ts');
  const inputs = { ...NOTES_INPUTS, ...given } as typeof NOTES_INPUTS;
  const by = await measuredBy(flags, inputs.recordBytes);
  const plan = planCapacity(inputs, by.figures, new Set(Object.keys(given)) as ReadonlySet<keyof typeof inputs>);
  if (flags.json) {
    const { machine, at, command } = by;
    console.log(JSON.stringify({ inputs, measured: { machine, at, command }, ...plan }));
    return;
  }
  const { planText } = await import('./capacity-print.ts');
  const { isTTY, columns } = process.stdout;
  process.stdout.write(
    planText(plan, by, { columns: columns ?? 100, color: isTTY === true && process.env.NO_COLOR === undefined }),
  );
}

async function measuredBy(flags: Flags, recordBytes: number): Promise<MeasuredBy> {
  const { measuredByRun } = await import('@mqlab/labs/capacity/measured-figures.ts');
  const { readRunData } = await import('@mqlab/reports/index.ts');
  const file = flags.measured ?? LAST_RUN;
  if (flags.measured !== undefined && !existsSync(file))
    throw new UsageError(`--measured ${file}: there is no such file`);
  if (!flags.measure && existsSync(file)) {
    try {
      const data = readRunData(file);
      const by = data.schema === 'mqlab.lab-run/1' ? measuredByRun(data) : null;
      if (by !== null) return by;
      if (flags.measured !== undefined)
        throw new UsageError(
          `--measured ${file}: holds no figures of the lab capacity (npx mqlab lab run capacity makes them)`,
        );
    } catch (error) {
      if (error instanceof UsageError) throw error;
      if (flags.measured !== undefined) throw new UsageError(`--measured ${file}: ${(error as Error).message}`);
      process.stderr.write(`${file} cannot be used: ${(error as Error).message}\n`);
    }
  }
  if (!flags.measure)
    process.stderr.write(
      'No run of the lab capacity is at hand: measuring for about ten seconds (npx mqlab lab run capacity measures more).\n',
    );
  return measureNow(flags, recordBytes);
}

/** A larger record does not fit in a request of a default client. */
const RECORD_BYTES_MAX = 900_000;

async function measureNow(flags: Flags, recordBytes: number): Promise<MeasuredBy> {
  const { measureCapacity } = await import('@mqlab/labs/capacity/measure.ts');
  const { shortPlan } = await import('@mqlab/labs/capacity/measure-plans.ts');
  const { figuresOf } = await import('@mqlab/labs/capacity/measured-figures.ts');
  const { readInput } = await import('@mqlab/labs/kit/input.ts');
  const { thisMachine } = await import('@mqlab/bench/machine.ts');
  const progress = new Progress();
  const at = new Date().toISOString();
  const records = await readInput(flags.input === undefined ? {} : { file: flags.input });
  const bytes = Math.min(recordBytes, RECORD_BYTES_MAX);
  const taken = await measureCapacity({
    plan: shortPlan(bytes),
    records: records.map(({ value }) => value),
    recordsName: flags.input === undefined ? 'flights of vega-datasets' : 'records of the input',
    progress: (text) => progress.show('measuring', 0, 0, text),
  });
  progress.clear();
  const command = `npx mqlab capacity --measure --bytes ${bytes}`;
  return { figures: figuresOf(taken), machine: thisMachine(), at, command };
}
