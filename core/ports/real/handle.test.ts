import net from 'node:net';
import { expect, test } from 'vitest';
import { adoptAccepted, descriptorOf } from './handle.ts';

for (const [name, hidden] of [
  ['the static buffer', false],
  ["ordinary 'data' events, where the handle is not what we know", true],
] as const) {
  test(`an accepted socket reads by ${name}, not before resume, and stops when told`, async () => {
    const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    let keepReading = true;
    const got: string[] = [];
    const adopted = new Promise<net.Socket>((resolve) => {
      server.once('connection', (accepted) => {
        const handle = (accepted as unknown as { _handle: object })._handle;
        if (hidden) Object.defineProperty(handle, 'fd', { value: undefined });
        const socket = adoptAccepted(accepted, (chunk) => {
          got.push(chunk.toString());
          return keepReading;
        });
        expect(socket === accepted).toBe(hidden);
        expect(descriptorOf(socket) >= 0).toBe(!hidden);
        resolve(socket);
      });
    });
    const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
    const socket = await adopted;
    const pause = () => new Promise((resolve) => setTimeout(resolve, 20));
    client.write('one');
    await pause();
    expect(got).toEqual([]);
    keepReading = false;
    socket.resume();
    while (got.length === 0) await pause();
    client.write('two');
    await pause();
    expect(got).toEqual(['one']);
    keepReading = true;
    const ended = new Promise((resolve) => socket.once('end', resolve));
    socket.pause();
    socket.resume();
    client.end();
    await ended;
    expect(got.join('')).toBe('onetwo');
    socket.destroy();
    server.close();
  });
}
