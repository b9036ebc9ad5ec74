import { Command, CommanderError } from 'commander';
import { UsageError } from './usage-error.ts';

/**
 * A run of the command line with some of its commands: names, and what an error becomes.
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

export async function runProgram(commands: readonly Command[]): Promise<void> {
  const program = new Command('mqlab')
    .description('executable answers to message-queue questions')
    .showHelpAfterError('(mqlab --help lists the commands)')
    .configureHelp({ showGlobalOptions: false });
  for (const command of commands) program.addCommand(command);
  overrideExits(program);
  try {
    await program.parseAsync(process.argv);
  } catch (error) {
    const code = exitCodeFor(error);
    // What a command that failed has left open (clients, brokers of a lab) must not keep it from ending.
    process.stdout.write('', () => process.exit(code));
  }
}

function overrideExits(command: Command): void {
  command.exitOverride();
  for (const each of command.commands) overrideExits(each);
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
