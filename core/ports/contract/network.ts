/** The contract of `Network`: order, slices between buffers, back-pressure, every way to end. */
import { createHash } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { sleep } from '../clock.ts';
import { FileSlice } from '../files.ts';
import { type Connection, type Listener, NetworkError, type Part } from '../network.ts';
import type { OpenProcessPair, ProcessPair } from './process-pair.ts';

const CONNECT_MS_MAX = 5000;

/** A receiver that keeps everything. */
class Tap {
  readonly chunks: Buffer[] = [];
  bytes = 0;
  closes = 0;
  drains = 0;
  error: NetworkError | undefined;
  readonly closed: Promise<void>;
  #resolve!: () => void;

  constructor(connection: Connection) {
    this.closed = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    connection.start({
      onData: (chunk) => {
        if (this.closes > 0) throw new Error('data after close');
        this.chunks.push(Buffer.from(chunk));
        this.bytes += chunk.byteLength;
      },
      onDrain: () => {
        this.drains += 1;
      },
      onClose: (error) => {
        this.closes += 1;
        this.error = error;
        this.#resolve();
      },
    });
  }

  get content(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

interface Pair {
  readonly pair: ProcessPair;
  readonly listener: Listener;
  readonly client: Connection;
  readonly server: Connection;
}

export function networkContract(open: OpenProcessPair): void {
  const closers: (() => void)[] = [];
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });

  function startPair(): ProcessPair {
    const pair = open();
    closers.push(() => pair.close());
    return pair;
  }

  /** Runs `body` with a fresh connection and closes everything behind it. */
  async function withPair(body: (pair: Pair) => Promise<void>): Promise<void> {
    const pair = startPair();
    await pair.run(async () => {
      let accept: (connection: Connection) => void = () => {};
      const accepted = new Promise<Connection>((resolve) => {
        accept = resolve;
      });
      const listener = await pair.server.network.listen({ host: '0.0.0.0', port: 0 }, (connection) =>
        accept(connection),
      );
      const address = { host: pair.serverHost, port: listener.address.port };
      const client = await pair.client.network.connect(address, CONNECT_MS_MAX);
      const server = await accepted;
      await body({ pair, listener, client, server });
      client.destroy();
      server.destroy();
      await listener.close();
    });
  }

  test('bytes arrive in order, both ways', () =>
    withPair(async ({ pair, client, server }) => {
      const atServer = new Tap(server);
      const atClient = new Tap(client);
      let expected = '';
      for (let count = 0; count < 500; count += 1) {
        client.send([Buffer.from(`${count}`), Buffer.from(',')]);
        expected += `${count},`;
        if (count % 100 === 0) server.send([Buffer.from(`s${count};`)]);
      }
      while (atClient.bytes < 23) await tick(pair, atClient);
      client.end();
      await Promise.all([atServer.closed, atClient.closed]);
      expect(atServer.content.toString()).toBe(expected);
      expect(atClient.content.toString()).toBe('s0;s100;s200;s300;s400;');
      expect(client.local.port).toBe(server.remote.port);
    }));

  test('answers sent from within onData keep their order', () =>
    withPair(async ({ pair, client, server }) => {
      const atClient = new Tap(client);
      server.start({
        onData: (chunk) => {
          for (const byte of chunk) server.send([Buffer.from([byte]), Buffer.from('!')]);
        },
        onClose: () => {},
      });
      client.send([Buffer.from('abcdefgh')]);
      while (atClient.bytes < 16) await tick(pair, atClient);
      expect(atClient.content.toString()).toBe('a!b!c!d!e!f!g!h!');
    }));

  test('large transfers of slices between buffers are equal byte for byte', () =>
    withPair(async ({ pair, client, server }) => {
      const file = pair.server.files.open(`${pair.folder}/data`, 'create');
      const content = pair.server.random.bytes(3_000_000);
      file.append([content]);
      const sent = createHash('sha256');
      let bytes = 0;
      const atClient = new Tap(client);
      new Tap(server);
      const lengths = [1, 100, 5_000, 31_000, 33_000, 70_000, 262_144, 1_500_000];
      for (let round = 0; round < 24; round += 1) {
        const parts: Part[] = [];
        for (let count = 0; count < 3; count += 1) {
          const memory = pair.server.random.bytes(pair.server.random.integer(round % 5 === 0 ? 90_000 : 300));
          const length = lengths[pair.server.random.integer(lengths.length)]!;
          const position = pair.server.random.integer(content.byteLength - length);
          parts.push(memory, new FileSlice(file, position, length));
          sent.update(memory).update(content.subarray(position, position + length));
          bytes += memory.byteLength + length;
        }
        server.send(parts);
      }
      // A slice in flight outlives its file's close.
      if (pair.serverHost === '127.0.0.1') file.close();
      server.end();
      await atClient.closed;
      expect(atClient.bytes).toBe(bytes);
      expect(createHash('sha256').update(atClient.content).digest('hex')).toBe(sent.digest('hex'));
      file.close();
    }));

  test('a reader that pauses fills the queue; after resume everything arrives and onDrain is called', () =>
    withPair(async ({ pair, client, server }) => {
      const atServer = new Tap(server);
      const atClient = new Tap(client);
      client.pause();
      const block = pair.server.random.bytes(1 << 20);
      for (let count = 0; count < 16; count += 1) server.send([block]);
      await sleep(pair.server.clock, 30);
      expect(server.queuedBytes).toBeGreaterThan(0);
      expect(server.queuedBytes).toBeLessThanOrEqual(16 << 20);
      const before = atClient.bytes;
      await sleep(pair.server.clock, 30);
      expect(atClient.bytes).toBe(before);
      expect(atServer.drains).toBe(0);
      client.resume();
      while (atClient.bytes < 16 << 20) await sleep(pair.server.clock, 2);
      expect(server.queuedBytes).toBe(0);
      expect(atServer.drains).toBe(1);
      expect(createHash('sha256').update(atClient.content).digest('hex')).toBe(
        createHash('sha256')
          .update(Buffer.concat(Array.from({ length: 16 }, () => block)))
          .digest('hex'),
      );
    }));

  test('end sends what is queued, and both ends close once without an error', () =>
    withPair(async ({ pair, client, server }) => {
      const atServer = new Tap(server);
      const atClient = new Tap(client);
      server.send([pair.server.random.bytes(5 << 20)]);
      server.end();
      server.end();
      server.send([Buffer.from('ignored')]);
      await Promise.all([atServer.closed, atClient.closed]);
      expect(atClient.bytes).toBe(5 << 20);
      await sleep(pair.server.clock, 5);
      expect([atServer.closes, atClient.closes]).toEqual([1, 1]);
      expect([atServer.error, atClient.error]).toEqual([undefined, undefined]);
    }));

  test('destroy drops what is queued, and both ends close once', () =>
    withPair(async ({ pair, client, server }) => {
      const atServer = new Tap(server);
      const atClient = new Tap(client);
      client.pause();
      for (let count = 0; count < 24; count += 1) server.send([Buffer.alloc(1 << 20)]);
      server.destroy();
      server.destroy();
      server.send([Buffer.from('ignored')]);
      expect(server.queuedBytes).toBe(0);
      client.resume();
      await Promise.all([atServer.closed, atClient.closed]);
      expect(atClient.bytes).toBeLessThan(24 << 20);
      await sleep(pair.server.clock, 5);
      expect([atServer.closes, atClient.closes]).toEqual([1, 1]);
      expect(atServer.error).toBeUndefined();
    }));

  test('a client that goes away in the middle of a large answer costs only its connection', () =>
    withPair(async ({ pair, listener, client, server }) => {
      const file = pair.server.files.open(`${pair.folder}/data`, 'create');
      file.append([Buffer.alloc(8 << 20, 7)]);
      const atServer = new Tap(server);
      const atClient = new Tap(client);
      for (let count = 0; count < 8; count += 1) server.send([Buffer.from('head'), new FileSlice(file, 0, 8 << 20)]);
      file.close();
      while (atClient.bytes < 1000) await tick(pair, atClient);
      client.destroy();
      await atServer.closed;
      expect(atServer.closes).toBe(1);
      server.send([Buffer.from('ignored')]);
      // The listener lives.
      const address = { host: pair.serverHost, port: listener.address.port };
      const next = await pair.client.network.connect(address, CONNECT_MS_MAX);
      next.start({ onData: () => {}, onClose: () => {} });
      next.destroy();
    }));

  test('data that came before start is delivered after it', () =>
    withPair(async ({ pair, client, server }) => {
      new Tap(client);
      client.send([Buffer.from('early')]);
      await sleep(pair.server.clock, 20);
      const atServer = new Tap(server);
      while (atServer.bytes < 5) await tick(pair, atServer);
      expect(atServer.content.toString()).toBe('early');
    }));

  test('a connection to a port where nobody listens is refused, and one port listens once', async () => {
    const pair = startPair();
    await pair.run(async () => {
      const { network } = pair.server;
      const listener = await network.listen({ host: '0.0.0.0', port: 0 }, () => {});
      expect(listener.address.port).toBeGreaterThan(0);
      const { port } = listener.address;
      await expect(network.listen({ host: '0.0.0.0', port }, () => {})).rejects.toMatchObject({ code: 'EADDRINUSE' });
      await listener.close();
      const address = { host: pair.serverHost, port };
      const refused = await pair.client.network.connect(address, CONNECT_MS_MAX).catch((error) => error);
      expect(refused).toBeInstanceOf(NetworkError);
      expect(refused.code).toBe('ECONNREFUSED');
      // The port is free again.
      await (await network.listen({ host: '0.0.0.0', port }, () => {})).close();
    });
  });

  test('many connections at once keep their bytes apart', async () => {
    const pair = startPair();
    await pair.run(async () => {
      const listener = await pair.server.network.listen({ host: '0.0.0.0', port: 0 }, (connection) => {
        connection.start({ onData: (chunk) => connection.send([Buffer.from(chunk)]), onClose: () => {} });
      });
      const address = { host: pair.serverHost, port: listener.address.port };
      const one = async (value: number) => {
        const connection = await pair.client.network.connect(address, CONNECT_MS_MAX);
        const tap = new Tap(connection);
        for (let count = 0; count < 20; count += 1) connection.send([Buffer.alloc(5000, value)]);
        while (tap.bytes < 100_000) await tick(pair, tap);
        connection.end();
        await tap.closed;
        expect(tap.content.equals(Buffer.alloc(100_000, value))).toBe(true);
      };
      await Promise.all(Array.from({ length: 20 }, (_, index) => one(index + 1)));
      await listener.close();
    });
  });

  test('connections that are open survive their listener', () =>
    withPair(async ({ pair, listener, client, server }) => {
      await listener.close();
      const atServer = new Tap(server);
      new Tap(client);
      client.send([Buffer.from('still here')]);
      while (atServer.bytes < 10) await sleep(pair.server.clock, 1);
      expect(atServer.content.toString()).toBe('still here');
    }));
}

/** Lets a little time pass, and does not wait for ever on an end that closed. */
async function tick(pair: ProcessPair, tap: Tap): Promise<void> {
  if (tap.closes > 0) throw new Error(`closed early: ${tap.error?.message}`);
  await sleep(pair.server.clock, 1);
}
