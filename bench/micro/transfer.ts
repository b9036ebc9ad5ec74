import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Usage } from './transfer-server.ts';

/**
 * The same bytes of a file in the page cache to a socket, by sendfile and by a copy through user space (claim C56): throughput and the
 * server's processor time per GB.
 *
 * Method: two server processes side by side, asked in turn (A B, B A, …) for the whole file; the first pair warms up and is not counted; the
 * reader discards what it receives, in a process of its own. The file holds random bytes and was just written, so the page cache holds it.
 */
export interface TransferSample {
  readonly bytesPerSecond: number;
  /** Processor seconds of the server for each 10^9 bytes. */
  readonly cpuSecondsPerGb: number;
  readonly bytesBySendfile: number;
  readonly bytesByCopy: number;
}

export interface TransferPair {
  readonly sendfile: TransferSample;
  readonly copy: TransferSample;
}

export interface TransferOptions {
  readonly pairs: number;
  readonly fileBytes: number;
  /** One FileSlice; what a fetch answer would hold. */
  readonly sliceBytes: number;
}

export async function measureTransfer(
  options: TransferOptions,
  progress: (text: string) => void,
): Promise<TransferPair[]> {
  const folder = mkdtempSync(join(tmpdir(), 'mqlab-transfer-'));
  const path = join(folder, 'random.bytes');
  writeFileSync(path, randomBytesOf(options.fileBytes));
  const servers: TransferServer[] = [];
  try {
    const sendfile = await TransferServer.start(path, options, 'auto');
    servers.push(sendfile);
    const copy = await TransferServer.start(path, options, 'off');
    servers.push(copy);
    const pairs: TransferPair[] = [];
    for (let i = -1; i < options.pairs; i++) {
      const first = i % 2 === 0 ? sendfile : copy;
      const second = first === sendfile ? copy : sendfile;
      const samples = new Map([
        [first, await first.sample(options.fileBytes)],
        [second, await second.sample(options.fileBytes)],
      ]);
      if (i < 0) continue;
      pairs.push({ sendfile: samples.get(sendfile) as TransferSample, copy: samples.get(copy) as TransferSample });
      progress(`transfer: pair ${i + 1} of ${options.pairs}`);
    }
    return pairs;
  } finally {
    for (const server of servers) server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Bytes that do not compress: a small random block is not repeated but walked through by a linear congruence. */
function randomBytesOf(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = 0x2545_f491;
  for (let i = 0; i + 4 <= length; i += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes.writeUInt32LE(state, i);
  }
  return bytes;
}

class TransferServer {
  private readonly child: ChildProcess;
  private readonly socket: Socket;
  private received = 0;
  private wanted = Number.POSITIVE_INFINITY;
  private whenReceived: () => void = () => {};

  private constructor(child: ChildProcess, port: number) {
    this.child = child;
    const buffer = Buffer.allocUnsafe(1 << 20);
    this.socket = connect({
      host: '127.0.0.1',
      port,
      onread: {
        buffer,
        callback: (bytes) => {
          this.received += bytes;
          if (this.received >= this.wanted) this.whenReceived();
          return true;
        },
      },
    });
  }

  static async start(path: string, options: TransferOptions, sendfile: 'auto' | 'off'): Promise<TransferServer> {
    const child = fork(new URL('./transfer-server.ts', import.meta.url), [path, String(options.sliceBytes)], {
      env: { ...process.env, MQLAB_SENDFILE: sendfile },
      execArgv: [],
    });
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    const server = new TransferServer(child, port);
    await once(server.socket, 'connect');
    return server;
  }

  private async usage(): Promise<Usage> {
    this.child.send('usage');
    const [usage] = (await once(this.child, 'message')) as [Usage];
    return usage;
  }

  async sample(fileBytes: number): Promise<TransferSample> {
    const before = await this.usage();
    this.received = 0;
    this.wanted = fileBytes;
    const startedAt = performance.now();
    const done = new Promise<void>((resolve) => {
      this.whenReceived = resolve;
    });
    this.socket.write(Buffer.of(1));
    await done;
    const seconds = (performance.now() - startedAt) / 1000;
    const after = await this.usage();
    return {
      bytesPerSecond: fileBytes / seconds,
      cpuSecondsPerGb: (after.cpuMicros - before.cpuMicros) / 1e6 / (fileBytes / 1e9),
      bytesBySendfile: after.bytesBySendfile - before.bytesBySendfile,
      bytesByCopy: after.bytesByCopy - before.bytesByCopy,
    };
  }

  stop(): void {
    this.socket.destroy();
    this.child.disconnect();
  }
}
