import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { Progress } from '../progress.ts';
import { wholeNumber } from '../usage-error.ts';

/** `mqlab bench sim`: plans a second and core of the simulated cluster. Writes `bench-sim.json`; exit code 1 when a plan broke something. */
interface SimFlags {
  readonly lab?: string;
  readonly scenario?: string;
  readonly plans: string;
  readonly warmup: string;
  readonly seed: string;
  readonly out: string;
  readonly json?: boolean;
}

export function benchSimCommand(out: string): Command {
  return new Command('sim')
    .description('plans a second and core of the simulated cluster')
    .option('--lab <name>', 'the lab whose plans are run (default: replication)')
    .option('--scenario <id>', 'its scenario (default: storm, three brokers)')
    .option('--plans <n>', 'plans that count', '200')
    .option('--warmup <n>', 'plans before them', '100')
    .option('--seed <n>', 'the seed of the plans', '1')
    .option('--out <dir>', 'where the run data is written', out)
    .option('--json', 'one JSON object')
    .action(async (flags: SimFlags) => {
      const { measureSimSpeed, STANDARD } = await import('@mqlab/labs/kit/sim-speed.ts');
      const { thisMachine } = await import('@mqlab/bench/machine.ts');
      const progress = new Progress();
      const speed = await measureSimSpeed({
        lab: flags.lab ?? STANDARD.lab,
        scenario: flags.scenario ?? STANDARD.scenario,
        seed: wholeNumber('--seed', flags.seed, 0, 0xffff_ffff),
        plans: wholeNumber('--plans', flags.plans, 1),
        warmupPlans: wholeNumber('--warmup', flags.warmup, 0),
        onProgress: (done, of) => progress.show('bench sim', done, of, 'plans'),
      });
      progress.clear();
      const data = { bench: 'sim', machine: thisMachine(), startedAt: new Date().toISOString(), ...speed };
      mkdirSync(flags.out, { recursive: true });
      writeFileSync(join(flags.out, 'bench-sim.json'), `${JSON.stringify(data, null, 2)}\n`);
      if (flags.json) console.log(JSON.stringify(data));
      else {
        const { median, min, max } = speed.plansPerSecond;
        const n = (value: number): string => value.toFixed(1);
        console.log(`plans a second and core      ${n(median)} (${n(min)} to ${n(max)})`);
        console.log(`… of ten virtual seconds     ${n(speed.plansOf10VirtualSecondsPerSecond)}`);
        console.log(`events a second              ${speed.eventsPerSecond.toFixed(0)}`);
        console.log(`a plan                       ${n(speed.processorMsPerPlan)} ms of processor time,`);
        console.log(
          `${' '.repeat(28)} ${speed.eventsPerPlan.toFixed(0)} events, ${speed.virtualMsPerPlan.toFixed(0)} ms of virtual time`,
        );
        if (speed.violations.length > 0) console.log(`broke something: plans ${speed.violations.join(', ')}`);
      }
      process.exitCode = speed.violations.length > 0 ? 1 : 0;
    });
}
