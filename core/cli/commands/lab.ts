import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { LabProgress } from '@mqlab/labs/kit/lab-runner.ts';
import type { LabRunData } from '@mqlab/reports/run-data.ts';
import { Command } from 'commander';
import { Progress } from '../progress.ts';
import { oneOf, UsageError, wholeNumber } from '../usage-error.ts';
import { mutationsCommand } from './lab-mutations.ts';

/**
 * `mqlab lab list` and `mqlab lab run`. The labs are loaded only when asked for: a broker must not carry them.
 */
interface RunFlags {
  readonly all?: boolean;
  readonly target?: string[];
  readonly bootstrapServer?: string;
  readonly killBroker?: string;
  readonly startBroker?: string;
  readonly pauseBroker?: string;
  readonly resumeBroker?: string;
  readonly client?: string[];
  readonly profile: string;
  readonly seed?: string;
  readonly runs?: string;
  readonly replay?: string;
  readonly input?: string;
  readonly key?: string;
  readonly out: string;
  readonly redis?: string;
  readonly postgres?: string;
  readonly history?: string;
  readonly json?: boolean;
}

/** Where generated reports go: the checkout's `reports/out`. */
export const REPORTS_OUT = resolve(import.meta.dirname, '../../../reports/out');

export function labCommand(): Command {
  const lab = new Command('lab').description('run what is said about queues, and see');
  lab
    .command('list')
    .description('the labs, their questions and claims')
    .option('--json', 'one JSON object a line')
    .action(async (flags: { json?: boolean }) => {
      const { labNames, loadLab } = await import('@mqlab/labs/kit/registry.ts');
      for (const name of labNames()) {
        const { title, question, claims, scenarios } = await loadLab(name);
        if (flags.json) {
          console.log(
            JSON.stringify({ lab: name, title, question, claims, scenarios: scenarios.map((each) => each.id) }),
          );
        } else {
          console.log(`${name.padEnd(18)} ${question}\n${' '.repeat(19)}claims ${claims.join(', ')}\n`);
        }
      }
    });
  lab
    .command('run [names...]')
    .description('run labs and write their reports')
    .option('--all', 'every lab')
    .option('--target <targets...>', 'sim, local, external (default: sim and local)')
    .option('--bootstrap-server <host:port>', 'run against a cluster that is already there: target external')
    .option('--kill-broker <command>', 'kills a broker of that cluster; {id} stands for its id. With it --start-broker')
    .option('--start-broker <command>', 'starts it again')
    .option('--pause-broker <command>', 'stops a broker of that cluster in its tracks. With it --resume-broker')
    .option('--resume-broker <command>', 'lets it go on')
    .option('--client <clients...>', 'mqlab, kafkajs, platformatic (default: each that a lab names)')
    .option('--profile <profile>', 'quick or full', 'quick')
    .option('--seed <n>', 'the seed of the search')
    .option('--runs <n>', 'plans for each scenario')
    .option('--replay <token>', 'one run, from the token that a verdict names')
    .option('--input <file>', 'records of your own: NDJSON or CSV')
    .option('--key <field>', 'the field that is the key')
    .option('--redis <url>', 'a Redis server for the labs that use one')
    .option('--postgres <url>', 'a PostgreSQL server for the labs that use one')
    .option('--out <dir>', 'where reports are written', REPORTS_OUT)
    .option('--history <file>', 'with --replay: write the history to this file')
    .option('--json', 'one JSON object a line for each verdict')
    .action(async (names: string[], flags: RunFlags) => {
      const code = flags.replay === undefined ? await runLabs(names, flags) : await replay(names, flags);
      // Connections cut by reset may leave requests that the runtime waits for at its own end, for ever: everything is written by now.
      process.stdout.write('', () => process.exit(code));
    });
  lab.addCommand(mutationsCommand(REPORTS_OUT));
  return lab;
}

function inputOf(flags: RunFlags) {
  if (flags.input === undefined && flags.key !== undefined)
    throw new UsageError('--key names a field of --input FILE: give both');
  return {
    ...(flags.input === undefined ? {} : { file: flags.input }),
    ...(flags.key === undefined ? {} : { key: flags.key }),
  };
}

function serversOf(flags: RunFlags): Record<string, string> {
  return {
    ...(flags.redis === undefined ? {} : { redis: flags.redis }),
    ...(flags.postgres === undefined ? {} : { postgres: flags.postgres }),
  };
}

/** The user's commands for nodes of their cluster: in pairs, since every run ends with a whole cluster. */
function nodeCommandsOf(flags: RunFlags) {
  const { killBroker: kill, startBroker: start, pauseBroker: pause, resumeBroker: resume } = flags;
  if ((kill === undefined) !== (start === undefined)) {
    throw new UsageError('--kill-broker and --start-broker go together: allowed are both or none');
  }
  if ((pause === undefined) !== (resume === undefined)) {
    throw new UsageError('--pause-broker and --resume-broker go together: allowed are both or none');
  }
  if (kill === undefined && pause === undefined) return {};
  if (flags.bootstrapServer === undefined) {
    throw new UsageError(
      'commands for brokers are for a cluster that is already there: give --bootstrap-server HOST:PORT',
    );
  }
  const nodeCommands = {
    ...(kill === undefined ? {} : { kill, start }),
    ...(pause === undefined ? {} : { pause, resume }),
  };
  return { nodeCommands };
}

async function namesOf(names: readonly string[], flags: RunFlags): Promise<string[]> {
  const { labModule, labNames } = await import('@mqlab/labs/kit/registry.ts');
  if (flags.all) {
    if (names.length > 0) throw new UsageError('name labs or say --all, not both');
    return labNames();
  }
  if (names.length === 0) throw new UsageError(`name a lab or say --all; labs: ${labNames().join(', ')}`);
  for (const name of names) labModule(name);
  return [...new Set(names)];
}

async function runLabs(named: readonly string[], flags: RunFlags): Promise<number> {
  const { TARGET_KINDS } = await import('@mqlab/labs/kit/targets/target.ts');
  const { CLIENT_NAMES } = await import('@mqlab/labs/kit/drivers/driver.ts');
  const { runLabs } = await import('@mqlab/labs/kit/run-lab.ts');
  const { exitCodeOf, verdictLine } = await import('@mqlab/labs/kit/verdict.ts');
  const { buildReports } = await import('@mqlab/reports/index.ts');
  const names = await namesOf(named, flags);
  const targets = flags.target?.map((each) => oneOf('--target', each, TARGET_KINDS));
  if (targets?.includes('external') && flags.bootstrapServer === undefined) {
    throw new UsageError('--target external needs --bootstrap-server HOST:PORT');
  }
  const options = {
    profile: oneOf('--profile', flags.profile, ['quick', 'full']),
    ...(targets === undefined ? {} : { targets }),
    ...(flags.client === undefined
      ? {}
      : { clients: flags.client.map((each) => oneOf('--client', each, CLIENT_NAMES)) }),
    ...(flags.seed === undefined ? {} : { seed: wholeNumber('--seed', flags.seed, 0, 0xffff_ffff) }),
    ...(flags.runs === undefined ? {} : { runs: wholeNumber('--runs', flags.runs, 1) }),
    ...(flags.bootstrapServer === undefined ? {} : { bootstrap: flags.bootstrapServer }),
    ...nodeCommandsOf(flags),
    input: inputOf(flags),
    options: serversOf(flags),
  };
  const progress = new Progress();
  const began = performance.now();
  const runs: LabRunData[] = [];
  const onProgress = ({ lab, part, done, of, note }: LabProgress): void =>
    progress.show(`[${runs.length}/${names.length}] ${lab}: ${part}`, done, of, note);
  await runLabs(names, { ...options, onProgress }, ({ data }) => {
    progress.clear();
    runs.push(data);
    if (flags.json) for (const row of data.verdicts) console.log(verdictLine(row));
    else printVerdicts(data);
  });
  const rows = runs.flatMap((run) => run.verdicts);
  const files = buildReports({ runDataDir: join(flags.out, 'data'), runs, outDir: flags.out });
  const code = exitCodeOf(rows);
  if (!flags.json) {
    const page = join(flags.out, 'index.html');
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    console.log(`${files.length} files written; read ${page}`);
    console.log(`${rows.length} verdicts in ${seconds} s: ${OUTCOMES[code]}`);
  }
  return code;
}

const OUTCOMES: Readonly<Record<number, string>> = {
  0: 'each as its lab expects',
  1: 'at least one is not what its lab expects',
  3: 'at least one is inconclusive',
};

function printVerdicts(run: LabRunData): void {
  console.log(`${run.lab}: ${run.question}`);
  for (const row of run.verdicts) {
    const mark = row.verdict === row.expected ? '✓' : '✗';
    const found = row.findings !== undefined && row.findings.length > 0 ? ` ${row.findings.join(', ')}` : '';
    const expected = row.verdict === row.expected ? '' : ` (expected ${row.expected})`;
    const what = `${row.claim} ${row.variant}`.padEnd(11);
    console.log(
      `  ${mark} ${what} ${row.target.padEnd(8)} ${row.client.padEnd(26)} ${row.verdict} in ${row.runs} runs${expected}${found}`,
    );
  }
  const claims = new Map(run.verdicts.map((row) => [row.claim, row]));
  for (const [claim, row] of claims) console.log(`  ${claim}: ${row.claimVerdict}. ${row.scope}`);
  console.log('');
}

async function replay(names: readonly string[], flags: RunFlags): Promise<number> {
  const { runReplay } = await import('@mqlab/labs/kit/run-replay.ts');
  const { exitCodeOf, verdictLine } = await import('@mqlab/labs/kit/verdict.ts');
  const [name] = await namesOf(names, flags);
  if (names.length !== 1 || name === undefined)
    throw new UsageError('--replay goes with one lab: mqlab lab run NAME --replay TOKEN');
  const { rows, lines, historyText } = await runReplay(name, flags.replay as string, {
    input: inputOf(flags),
    options: serversOf(flags),
    ...(flags.bootstrapServer === undefined ? {} : { bootstrap: flags.bootstrapServer }),
    ...nodeCommandsOf(flags),
  });
  if (flags.history !== undefined) writeFileSync(flags.history, historyText);
  if (flags.json) for (const row of rows) console.log(verdictLine(row));
  else {
    for (const line of lines) console.log(line);
    for (const row of rows) console.log(`${row.claim} ${row.variant}: ${row.verdict}; history ${row.historyHash}`);
  }
  return exitCodeOf(rows);
}
