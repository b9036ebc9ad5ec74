/**
 * What a contract test stands on: two processes of one adapter and a way to let their promises settle, in real or in virtual time.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Ports } from '../ports.ts';
import { type RealPorts, realPorts } from '../real/ports.ts';
import { SimWorld } from '../sim/world.ts';

export interface ProcessPair {
  readonly server: Ports;
  readonly client: Ports;
  /** The name under which the client reaches the server. */
  readonly serverHost: string;
  /** An empty folder, on the server's disk. */
  readonly folder: string;
  run<T>(body: () => Promise<T>): Promise<T>;
  close(): void;
}

export type OpenProcessPair = () => ProcessPair;

export interface RealProcessPair extends ProcessPair {
  readonly server: RealPorts;
}

export function realProcessPair(sendfile: 'auto' | 'off' = 'auto'): RealProcessPair {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mqlab-ports-'));
  return {
    server: realPorts({ sendfile }),
    client: realPorts({ sendfile }),
    serverHost: '127.0.0.1',
    folder,
    run: (body) => body(),
    close: () => fs.rmSync(folder, { recursive: true, force: true }),
  };
}

export function simProcessPair(seed = 1): ProcessPair {
  const world = new SimWorld({ seed });
  const server = world.process('server').ports;
  const client = world.process('client').ports;
  server.files.makeDirectory('/data');
  return {
    server,
    client,
    serverHost: 'server',
    folder: '/data',
    run: (body) => world.settle(body()),
    close: () => {},
  };
}
