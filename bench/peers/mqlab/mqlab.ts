/** mqlab itself: `mqlab broker` as a user starts it, of this checkout or of another one. */
import { readFileSync } from 'node:fs';
import { brokerCommand, MQLAB_LAUNCHER } from '../../load/server-process.ts';
import { startServer } from '../../start-server.ts';
import type { Peer } from '../peer.ts';

const START_MS_MAX = 60_000;
/** A clean end of thousands of partitions is as many flushes. */
const STOP_MS_MAX = 60_000;
/** The broker's own words at its end. */
const TRANSFER = /from memory, (\d+) by sendfile, (\d+) of files by copy/;

export interface MqlabOptions {
  readonly name: string;
  readonly title: string;
  readonly version: string;
  /** Path of `core/cli/mqlab.js`. */
  readonly launcher: string;
  /** Over those that every run sets. */
  readonly settings?: Readonly<Record<string, string>>;
}

export function mqlabPeer(options: MqlabOptions): Peer {
  return {
    name: options.name,
    title: options.title,
    driver: new URL('../kafka-driver.ts', import.meta.url),
    speaksKafka: true,
    settings: [
      'broker and controller in one process, replication 1',
      'the page cache holds what is acknowledged, as with Kafka; with flushBeforeAck log.flush.interval.messages=1',
      'log.segment.delete.delay.ms=0, as with Kafka',
      ...Object.entries(options.settings ?? {}).map(([key, value]) => `${key}=${value}`),
    ],
    find: async () => ({ isThere: true, version: options.version }),
    async start({ dataDir, flushBeforeAck }) {
      const settings = {
        'log.segment.delete.delay.ms': '0',
        ...(flushBeforeAck ? { 'log.flush.interval.messages': '1' } : {}),
        ...options.settings,
      };
      const server = await startServer({
        name: options.title,
        ...brokerCommand(dataDir, settings, options.launcher),
        startMsMax: START_MS_MAX,
        stopMsMax: STOP_MS_MAX,
      });
      let transfer: { bytesBySendfile: number; bytesByCopy: number } | null = null;
      return {
        address: server.ready[1]!,
        pids: [server.pid],
        startMs: server.startMs,
        stop: async () => {
          await server.stop();
          const found = server
            .output()
            .map((line) => TRANSFER.exec(line))
            .find((match) => match !== null);
          if (found != null) transfer = { bytesBySendfile: Number(found[1]), bytesByCopy: Number(found[2]) };
        },
        transfer: () => transfer,
      };
    },
  };
}

const manifest = new URL(import.meta.resolve('@mqlab/core/package.json'));

export const mqlab = mqlabPeer({
  name: 'mqlab',
  title: 'mqlab',
  version: (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version,
  launcher: MQLAB_LAUNCHER,
});
