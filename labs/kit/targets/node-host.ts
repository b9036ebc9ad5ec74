/**
 * A process that runs brokers, one after another: what `mqlab broker` does in a process of its own, without the start of the runtime and the import of
 * the broker's code for each. Orders come in on stdin and answers go out on stdout, a line of JSON each (`host-lines.ts`); stderr is the log.
 *
 * Invariant: one broker at a time, and nothing of it is left when the next one starts (`life-ports.ts`). The process ends with its stdin, so with whoever
 * started it, however that one ended; and by anything that would have ended `mqlab broker`.
 */
import { flushCompileCache } from 'node:module';
import { createInterface } from 'node:readline';
import { Broker } from '@mqlab/core/broker/broker.ts';
import { BrokerConfig } from '@mqlab/core/broker/config.ts';
import { fullWhile } from '@mqlab/core/ports/real/full-disk.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import type { HostAnswer, HostOrder } from './host-lines.ts';
import { Life, portsOf } from './life-ports.ts';

const system = realPorts();
let life = new Life();
let broker: Broker | null = null;

function answer(line: HostAnswer): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function log(message: string): void {
  process.stderr.write(`${new Date().toISOString()} ${message}\n`);
}

function problemOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function start(properties: Readonly<Record<string, string>>, fullDiskFile: string | null): Promise<void> {
  const parsed = BrokerConfig.parse(new Map(Object.entries(properties)));
  if (!parsed.ok) throw new Error(parsed.errors.join('; '));
  for (const warning of parsed.warnings) log(`warning: ${warning}`);
  life = new Life();
  const own = portsOf(life, system);
  const ports = fullDiskFile === null ? own : { ...own, files: fullWhile(own.files, fullDiskFile) };
  const started = new Broker({
    ports,
    config: parsed.config,
    onLog: log,
    onFatal: (error) => {
      log(`this node cannot go on: ${problemOf(error)}`);
      void started.shutdown().finally(() => process.exit(1));
    },
  });
  broker = started;
  await started.start();
}

async function stop(): Promise<void> {
  await broker?.shutdown();
  drop();
}

function drop(): void {
  life.end();
  broker = null;
}

async function obey(order: HostOrder): Promise<void> {
  switch (order.task) {
    case 'start':
      return start(order.properties, order.fullDiskFile);
    case 'stop':
      return stop();
    case 'drop':
      return drop();
  }
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const order = JSON.parse(line) as HostOrder;
    obey(order).then(
      () => answer({ done: order.number }),
      (error: unknown) => {
        log(problemOf(error));
        process.exit(1);
      },
    );
  })
  .on('close', () => process.exit(0));
// Signals of a terminal are for whoever started this process.
process.on('SIGINT', () => {});

answer({ done: 0 });
// Now and not at the end: a host that is killed has no end.
flushCompileCache();
