import { createHash } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type File, FileSlice } from '../files.ts';
import type { Connection, Listener } from '../network.ts';
import { type RealPorts, realPorts } from './ports.ts';
import { sendfileCall } from './sendfile.ts';

const SIZE = 16 << 20;
let folder: string;
let file: File;
let hash: string;

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mqlab-network-'));
  const { files, random } = realPorts();
  file = files.open(path.join(folder, 'data'), 'create');
  const block = random.bytes(1 << 20);
  for (let at = 0; at < SIZE; at += block.byteLength) {
    block.writeUInt32LE(at, 0);
    file.append([block]);
  }
  const content = Buffer.alloc(SIZE);
  file.readInto(content, 0);
  hash = createHash('sha256').update(content).digest('hex');
});
afterAll(() => {
  file.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

function listen(ports: RealPorts, onConnection: (connection: Connection) => void): Promise<Listener> {
  return ports.network.listen({ host: '127.0.0.1', port: 0 }, onConnection);
}

/** A server that answers every connection with the whole file, in slices of `sliceBytes`. */
function serveFile(ports: RealPorts, sliceBytes: number): Promise<Listener> {
  return listen(ports, (connection) => {
    connection.start({ onData: () => {}, onClose: () => {} });
    for (let at = 0; at < SIZE; at += sliceBytes) connection.send([new FileSlice(file, at, sliceBytes)]);
    connection.end();
  });
}

async function download(listener: Listener): Promise<string> {
  const digest = createHash('sha256');
  for await (const chunk of net.connect(listener.address.port, '127.0.0.1')) digest.update(chunk);
  await listener.close();
  return digest.digest('hex');
}

describe('which way the bytes went', () => {
  test.skipIf(sendfileCall() === null)('large slices go by sendfile, but for the tail of a full socket', async () => {
    const ports = realPorts({ sendfile: 'auto' });
    expect(await download(await serveFile(ports, 1 << 20))).toBe(hash);
    const { bytesSentBySendfile, bytesSentByCopy, bytesSentFromMemory } = ports.network.metrics;
    expect(bytesSentBySendfile + bytesSentByCopy).toBe(SIZE);
    expect(bytesSentBySendfile).toBeGreaterThan(SIZE / 2);
    expect(bytesSentFromMemory).toBe(0);
  });

  test('switched off, all of it is copied', async () => {
    const ports = realPorts({ sendfile: 'off' });
    expect(await download(await serveFile(ports, 1 << 20))).toBe(hash);
    expect(ports.network.metrics).toMatchObject({ bytesSentBySendfile: 0, bytesSentByCopy: SIZE });
  });

  test('small slices are copied', async () => {
    const ports = realPorts();
    expect(await download(await serveFile(ports, 16 << 10))).toBe(hash);
    expect(ports.network.metrics).toMatchObject({ bytesSentBySendfile: 0, bytesSentByCopy: SIZE });
  });
});

test('a slice beyond the end of its file ends the connection with EIO', async () => {
  const ports = realPorts();
  let tell: (code: string | undefined) => void = () => {};
  const closed = new Promise<string | undefined>((resolve) => {
    tell = resolve;
  });
  const listener = await listen(ports, (connection) => {
    connection.start({ onData: () => {}, onClose: (error) => tell(error?.code) });
    connection.send([new FileSlice(file, SIZE - 100_000, 200_000)]);
  });
  const client = net.connect(listener.address.port, '127.0.0.1').on('error', () => {});
  client.resume();
  expect(await closed).toBe('EIO');
  await listener.close();
});

test('clients that reset at any moment cost neither the process nor a descriptor', async () => {
  const ports = realPorts();
  const started = process.platform === 'linux' ? fs.readdirSync('/proc/self/fd').length : 0;
  let opened = 0;
  let closes = 0;
  const listener = await listen(ports, (connection) => {
    opened += 1;
    connection.start({
      onData: (chunk) => connection.send([Buffer.from(chunk), new FileSlice(file, 0, SIZE), Buffer.alloc(100)]),
      onClose: () => {
        closes += 1;
      },
    });
    connection.send([new FileSlice(file, 0, 3 << 20), Buffer.alloc(200_000)]);
  });
  const clients = Array.from({ length: 60 }, (_, index) => {
    return new Promise<void>((resolve) => {
      const client = net.connect(listener.address.port, '127.0.0.1');
      client.on('error', () => {});
      client.on('close', () => resolve());
      client.on('connect', () => {
        client.write('more');
        if (index % 3 === 0) client.resume();
        const leave = () => (index % 2 === 0 ? client.resetAndDestroy() : client.destroy());
        if (index % 5 === 0) leave();
        else setTimeout(leave, index);
      });
    });
  });
  await Promise.all(clients);
  while (closes < opened) await new Promise((resolve) => setTimeout(resolve, 5));
  await listener.close();
  expect(closes).toBe(opened);
  if (process.platform === 'linux') expect(fs.readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(started + 2);
});

test('a client that has ended its side still gets its answer', async () => {
  const ports = realPorts();
  const listener = await listen(ports, (connection) => {
    connection.start({ onData: () => connection.send([new FileSlice(file, 0, SIZE)]), onClose: () => {} });
  });
  const client = net.connect({ port: listener.address.port, host: '127.0.0.1', allowHalfOpen: true });
  client.end('request');
  let bytes = 0;
  for await (const chunk of client) bytes += chunk.length;
  expect(bytes).toBe(SIZE);
  await listener.close();
});

test('one slow reader holds up nobody else', async () => {
  const ports = realPorts();
  const listener = await serveFile(ports, 1 << 20);
  const slow = net.connect(listener.address.port, '127.0.0.1').pause();
  await new Promise((resolve) => slow.once('connect', resolve));
  expect(await download(listener)).toBe(hash);
  slow.destroy();
});

test('localhost connects whatever family it names', async () => {
  const ports = realPorts();
  const listener = await listen(ports, (connection) => {
    connection.start({ onData: (chunk) => connection.send([Buffer.from(chunk)]), onClose: () => {} });
  });
  const connection = await ports.network.connect({ host: 'localhost', port: listener.address.port }, 2000);
  const answer = new Promise<string>((resolve) => {
    connection.start({ onData: (chunk) => resolve(chunk.toString()), onClose: () => {} });
  });
  connection.send([Buffer.from('hello')]);
  expect(await answer).toBe('hello');
  connection.destroy();
  await listener.close();
  await expect(ports.network.connect({ host: 'no-such-host.invalid', port: 1 }, 5000)).rejects.toMatchObject({
    name: 'NetworkError',
  });
});
