/**
 * How each client library begins to read, in its own words: rows of the truth table.
 *
 * Invariant: nothing but the one setting differs from the library's defaults. A way tells the first offset that the application got, or the error, whichever comes first.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ClientError } from '@mqlab/core/client/client-error.ts';
import { Consumer } from '@mqlab/core/client/consumer/consumer.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import { Consumer as StreamConsumer } from '@platformatic/kafka';
import { Kafka, logLevel } from 'kafkajs';
import { kcatVersion } from '../../auto-commit/table/kcat.ts';

export type FirstSeen = { readonly offset: number } | { readonly error: string };

export interface Begun {
  readonly first: Promise<FirstSeen>;
  stop(): Promise<void>;
}

export interface ResetWay {
  /** Client and setting. */
  readonly title: string;
  readonly begin: (bootstrap: string, topic: string, group: string) => Promise<Begun>;
}

function own(reset: 'latest' | 'earliest' | 'none' | null): ResetWay {
  return {
    title: `mqlab: ${reset ?? 'default'}`,
    begin: async (bootstrap, topic, group) => {
      const consumer = new Consumer(realPorts(), {
        'bootstrap.servers': bootstrap,
        'group.id': group,
        ...(reset === null ? {} : { 'auto.offset.reset': reset }),
      });
      consumer.subscribe([topic]);
      let isOver = false;
      const read = async (): Promise<FirstSeen> => {
        while (!isOver) {
          try {
            const [record] = await consumer.poll(100);
            if (record !== undefined) return { offset: record.offset };
          } catch (error) {
            return { error: error instanceof ClientError ? error.kind : String(error) };
          }
        }
        return { error: 'nothing came' };
      };
      const first = read();
      return {
        first,
        stop: async () => {
          isOver = true;
          await first;
          await consumer.close();
        },
      };
    },
  };
}

function kafkajs(fromBeginning: boolean | null): ResetWay {
  return {
    title: `kafkajs: ${fromBeginning === null ? 'default' : 'fromBeginning'}`,
    begin: async (bootstrap, topic, group) => {
      const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING });
      // Its end waits for an open fetch: a short one. Where it begins does not depend on that.
      const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 200 });
      const { promise, resolve } = Promise.withResolvers<FirstSeen>();
      consumer.on(consumer.events.CRASH, ({ payload }) => resolve({ error: payload.error.name }));
      await consumer.connect();
      await consumer.subscribe({ topics: [topic], ...(fromBeginning === null ? {} : { fromBeginning }) });
      await consumer.run({ eachMessage: async ({ message }) => resolve({ offset: Number(message.offset) }) });
      return { first: promise, stop: () => consumer.disconnect() };
    },
  };
}

type StreamOptions = { readonly mode?: 'committed'; readonly fallbackMode?: 'latest' | 'earliest' | 'fail' };

function stream(options: StreamOptions): ResetWay {
  const words = options.fallbackMode ?? options.mode ?? 'default';
  return {
    title: `platformatic: ${words}`,
    begin: async (bootstrap, topic, group) => {
      const consumer = new StreamConsumer({ clientId: 'mqlab', bootstrapBrokers: [bootstrap], groupId: group });
      const { promise, resolve } = Promise.withResolvers<FirstSeen>();
      let stop = async (): Promise<void> => {};
      try {
        const messages = await consumer.consume({ topics: [topic], ...options } as never);
        messages.on('error', (error) => resolve({ error: nameOf(error) }));
        messages.on('data', (message) => resolve({ offset: Number(message.offset) }));
        stop = () => messages.close();
      } catch (error) {
        resolve({ error: nameOf(error) });
      }
      return {
        first: promise,
        stop: async () => {
          await stop().catch(() => {});
          await consumer.close(true).catch(() => {});
        },
      };
    },
  };
}

/** The broker's error anywhere inside, or the client's own. */
function nameOf(error: unknown): string {
  const seen: unknown[] = [error];
  for (let at = 0; at < seen.length && at < 50; at++) {
    const one = seen[at] as { apiId?: string; cause?: unknown; errors?: unknown[] };
    if (typeof one.apiId === 'string') return one.apiId;
    if (one.cause !== undefined) seen.push(one.cause);
    if (Array.isArray(one.errors)) seen.push(...one.errors);
  }
  return (error as { code?: string }).code ?? (error as Error).name;
}

function kcat(reset: 'earliest' | 'error' | null): ResetWay {
  return {
    title: `librdkafka: ${reset ?? 'default'}`,
    begin: async (bootstrap, topic, group) => {
      const settings = reset === null ? [] : ['-X', `auto.offset.reset=${reset}`];
      const child = spawn('kcat', ['-b', bootstrap, ...settings, '-u', '-f', '%o\n', '-G', group, topic], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const { promise, resolve } = Promise.withResolvers<FirstSeen>();
      let last = '';
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (/^\d+$/.test(line)) resolve({ offset: Number(line) });
      });
      createInterface({ input: child.stderr }).on('line', (line) => {
        last = line;
        if (/ERROR/.test(line)) resolve({ error: librdkafkaError(line) });
      });
      const gone = new Promise<void>((end) => {
        child.once('exit', () => {
          resolve({ error: librdkafkaError(last) });
          end();
        });
      });
      return {
        first: promise,
        stop: async () => {
          child.kill('SIGKILL');
          await gone;
        },
      };
    },
  };
}

function librdkafkaError(line: string): string {
  if (/out of range/i.test(line)) return 'OFFSET_OUT_OF_RANGE';
  if (/auto\.offset\.reset/i.test(line) || /no previously committed/i.test(line)) return '_AUTO_OFFSET_RESET';
  return 'error';
}

export function resetWays(): ResetWay[] {
  return [
    own(null),
    own('earliest'),
    own('none'),
    kafkajs(null),
    kafkajs(true),
    stream({}),
    stream({ mode: 'committed' }),
    stream({ mode: 'committed', fallbackMode: 'earliest' }),
    stream({ mode: 'committed', fallbackMode: 'fail' }),
    ...(kcatVersion() === null ? [] : [kcat(null), kcat('earliest'), kcat('error')]),
  ];
}
