import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { TcpProxy } from './tcp-proxy.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** An echo server behind a proxy, and a connection through it. */
async function through(): Promise<{ proxy: TcpProxy; socket: net.Socket; heard: () => string; closed: Promise<void> }> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy = await TcpProxy.open({ host: '127.0.0.1', port: (server.address() as net.AddressInfo).port });
  const socket = net.connect(proxy.port, '127.0.0.1');
  let heard = '';
  socket.on('data', (chunk) => (heard += chunk));
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  closers.push(
    () => new Promise((resolve) => server.close(resolve)),
    () => proxy.close(),
    async () => socket.destroy(),
  );
  return { proxy, socket, heard: () => heard, closed };
}

const settle = (ms = 40): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('a cut link says nothing and loses nothing', async () => {
  const { proxy, socket, heard } = await through();
  socket.write('a');
  await expect.poll(heard).toBe('a');
  proxy.cut('both');
  socket.write('b');
  await settle();
  expect(heard()).toBe('a');
  proxy.heal();
  await expect.poll(heard).toBe('ab');
});

test('a dropped answer takes its connection with it, and only that one', async () => {
  const { proxy, socket, heard, closed } = await through();
  socket.write('a');
  await expect.poll(heard).toBe('a');
  proxy.dropNextResponse();
  socket.write('b');
  await closed;
  expect(heard()).toBe('a');
  const again = net.connect(proxy.port, '127.0.0.1');
  let answer = '';
  again.on('data', (chunk) => (answer += chunk));
  again.write('c');
  await expect.poll(() => answer).toBe('c');
  again.destroy();
});

test('a killed application is cut off and stays so', async () => {
  const { proxy, closed } = await through();
  await expect.poll(() => proxy.connections).toBe(1);
  proxy.kill();
  await closed;
  const again = net.connect(proxy.port, '127.0.0.1');
  again.on('error', () => {});
  await new Promise((resolve) => again.on('close', resolve));
  expect(proxy.connections).toBe(0);
});
