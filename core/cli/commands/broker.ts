import { appendFileSync, readFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { Command } from 'commander';
import { UsageError } from '../usage-error.ts';

/**
 * `mqlab broker`: a broker in the foreground. stdout gets one line, `ready HOST:PORT`; everything else goes to stderr.
 * SIGTERM and SIGINT end it cleanly with exit 0; a second one ends it at once.
 */
export function brokerCommand(): Command {
  return new Command('broker')
    .description('run a broker in the foreground')
    .option('--config <file>', 'a server.properties')
    .option('--set <key=value>', 'one setting, over those of the file; may be repeated', collect, [])
    .action(async (flags: { config?: string; set: string[] }) => {
      const { parseJavaProperties } = await import('../../broker/java-properties.ts');
      const given = flags.config === undefined ? new Map<string, string>() : parseJavaProperties(read(flags.config));
      for (const each of flags.set) {
        const at = each.indexOf('=');
        if (at <= 0) throw new UsageError(`--set ${each}: key=value is expected`);
        given.set(each.slice(0, at).trim(), each.slice(at + 1).trim());
      }
      await run(given);
    });
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--config ${path}: ${(error as Error).message}`);
  }
}

async function run(given: ReadonlyMap<string, string>): Promise<void> {
  const { BrokerConfig } = await import('../../broker/config.ts');
  const { Broker } = await import('../../broker/broker.ts');
  const { realPorts } = await import('../../ports/real/ports.ts');
  const parsed = BrokerConfig.parse(given);
  if (!parsed.ok) throw new UsageError(parsed.errors.join('\nmqlab: '));
  const log = (message: string): void => void process.stderr.write(`${new Date().toISOString()} ${message}\n`);
  for (const warning of parsed.warnings) log(`warning: ${warning}`);
  const system = realPorts();
  // For who tests a full disk on real processes: it is one while that file exists.
  const fullDiskFile = process.env.MQLAB_DISK_FULL_FILE;
  const ports =
    fullDiskFile === undefined
      ? system
      : { ...system, files: (await import('../../ports/real/full-disk.ts')).fullWhile(system.files, fullDiskFile) };
  const broker = new Broker({ ports, config: parsed.config, onLog: log, onEnded: () => process.exit(1) });
  // A line of JSON for each client's first request of an API's version: the tests of foreign clients collect them. Appended at once, since brokers are killed.
  const tallyFile = process.env.MQLAB_REQUEST_TALLY;
  if (tallyFile !== undefined) {
    const { RequestTally } = await import('../../broker/request-tally.ts');
    broker.metrics.tally = new RequestTally((entry) => appendFileSync(tallyFile, `${JSON.stringify(entry)}\n`));
  }
  let isStopping = false;
  const stop = (signal: string): void => {
    if (isStopping) process.exit(1);
    isStopping = true;
    const { bytesReceived, bytesSentFromMemory, bytesSentBySendfile, bytesSentByCopy } = ports.network.metrics;
    log(
      `${signal}: shutting down; received ${bytesReceived} bytes, sent ${bytesSentFromMemory} from memory, ${bytesSentBySendfile} by sendfile, ${bytesSentByCopy} of files by copy`,
    );
    broker.shutdown().then(
      () => process.exit(0),
      (error: unknown) => {
        log(`the shutdown failed: ${String(error)}`);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  const { host, port } = await broker.start();
  process.stdout.write(`ready ${host}:${port}\n`);
  // Written now and not at the end: a broker that is killed has no end.
  flushCompileCache();
}
