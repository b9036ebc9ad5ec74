import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import { afterAll, expect, test } from 'vitest';
import { Life, portsOf } from './life-ports.ts';

const folder = mkdtempSync(join(tmpdir(), 'mqlab-life-'));
afterAll(() => rmSync(folder, { recursive: true }));

const system = realPorts();
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 60));

test('what a life began goes on while it lasts', async () => {
  const life = new Life();
  const { clock, files, network } = portsOf(life, system);
  const seen: string[] = [];
  clock.setTimer(1, () => seen.push('timer'));
  clock.setTimer(1, () => seen.push('cancelled')).cancel();
  clock.defer(() => seen.push('defer'));
  const file = files.open(join(folder, 'a'), 'create');
  file.append([Buffer.from('a')]);
  await file.flush();
  const listener = await network.listen({ host: '127.0.0.1', port: 0 }, (accepted) => {
    accepted.start({ onData: (chunk) => seen.push(`server ${chunk}`), onClose: () => seen.push('server closed') });
    accepted.send([Buffer.from('hello')]);
  });
  const connection = await network.connect(listener.address, 1000);
  connection.start({
    onData: (chunk) => {
      seen.push(`client ${chunk}`);
      connection.send([Buffer.from('bye')]);
      connection.end();
    },
    onClose: () => seen.push('client closed'),
  });
  await expect.poll(() => seen.length).toBe(6);
  expect(seen.toSorted()).toEqual(['client closed', 'client hello', 'defer', 'server bye', 'server closed', 'timer']);
  life.end();
});

test('after its end nothing happens, and everything is given back', async () => {
  const life = new Life();
  const { clock, files, network } = portsOf(life, system);
  const seen: string[] = [];
  clock.setTimer(1, () => seen.push('timer'));
  clock.defer(() => seen.push('defer'));
  const path = join(folder, 'b');
  const file = files.open(path, 'create');
  file.append([Buffer.from('b')]);
  expect(files.lock(join(folder, '.lock'))).not.toBe(null);
  const listener = await network.listen({ host: '127.0.0.1', port: 0 }, (accepted) => {
    accepted.start({ onData: () => seen.push('server data'), onClose: () => seen.push('server closed') });
  });
  const peer = await system.network.connect(listener.address, 1000);
  const peerClosed = new Promise<void>((resolve) => peer.start({ onData: () => {}, onClose: () => resolve() }));
  const tell = (what: string) => (): void => void seen.push(what);
  file.flush().then(tell('flush'), tell('flush failed'));
  files.flushDirectory(folder).then(tell('folder'), tell('folder failed'));
  network.connect(listener.address, 1000).then(tell('connected'), tell('not connected'));
  network.listen({ host: '127.0.0.1', port: 0 }, () => {}).then(tell('listening'), tell('not listening'));
  peer.send([Buffer.from('late')]);

  life.end();
  await peerClosed;
  await settle();
  expect(seen).toEqual([]);
  await expect(system.network.connect(listener.address, 1000)).rejects.toThrow('ECONNREFUSED');
  expect(() => file.append([Buffer.from('x')])).toThrow('EBADF');
  const lock = system.files.lock(join(folder, '.lock'));
  expect(lock).not.toBe(null);
  lock!.release();
  clock.setTimer(0, () => seen.push('timer after'));
  clock.defer(() => seen.push('defer after'));
  await settle();
  expect(seen).toEqual([]);
  expect(system.files.open(path, 'read').size).toBe(1);
});
