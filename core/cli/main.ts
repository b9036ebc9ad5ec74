import { Command, CommanderError } from 'commander';
import { benchCommand } from './commands/bench.ts';
import { brokerCommand } from './commands/broker.ts';
import { capacityCommand } from './commands/capacity.ts';
import { clusterCommand } from './commands/cluster.ts';
import { configsCommand } from './commands/configs.ts';
import { consumeCommand } from './commands/consume.ts';
import { dumpLogCommand } from './commands/dump-log.ts';
import { groupsCommand } from './commands/groups.ts';
import { labCommand } from './commands/lab.ts';
import { perfCommand } from './commands/perf.ts';
import { produceCommand } from './commands/produce.ts';
import { reportCommand } from './commands/report.ts';
import { topicsCommand } from './commands/topics.ts';
import { transactionsCommand } from './commands/transactions.ts';
import { UsageError } from './usage-error.ts';

/**
 * The command line. Each command is a file in `commands/`; what is common is here: names, and what an error becomes.
 *
 * Exit codes: 0 as asked; 1 it went wrong, or a verdict differs; 2 usage; 3 inconclusive.
 */
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** Errors that are the user's to mend, by name: these modules are not loaded here. */
const USAGE_ERRORS = [
  'UsageError',
  'UnknownLabError',
  'InputError',
  'ReplayTokenError',
  'ConfigError',
  'WorkloadError',
];

const program = new Command('mqlab')
  .description('executable answers to message-queue questions')
  .showHelpAfterError('(mqlab --help lists the commands)')
  .configureHelp({ showGlobalOptions: false })
  .addCommand(brokerCommand())
  .addCommand(clusterCommand())
  .addCommand(topicsCommand())
  .addCommand(configsCommand())
  .addCommand(produceCommand())
  .addCommand(consumeCommand())
  .addCommand(groupsCommand())
  .addCommand(transactionsCommand())
  .addCommand(dumpLogCommand())
  .addCommand(perfCommand())
  .addCommand(labCommand())
  .addCommand(reportCommand())
  .addCommand(benchCommand())
  .addCommand(capacityCommand());

function overrideExits(command: Command): void {
  command.exitOverride();
  for (const each of command.commands) overrideExits(each);
}

overrideExits(program);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  const code = exitCodeFor(error);
  // What a command that failed has left open (clients, brokers of a lab) must not keep it from ending.
  process.stdout.write('', () => process.exit(code));
}

function exitCodeFor(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  if (error instanceof UsageError || (error instanceof Error && USAGE_ERRORS.includes(error.name))) {
    process.stderr.write(`mqlab: ${error.message}\n`);
    return EXIT_USAGE;
  }
  process.stderr.write(
    `mqlab: ${error instanceof Error ? (process.env.MQLAB_DEBUG ? error.stack : error.message) : String(error)}\n`,
  );
  return EXIT_FAILED;
}
