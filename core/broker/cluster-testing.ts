import type { Ports } from '../ports/ports.ts';
import { SimWorld } from '../ports/sim/world.ts';
import { RpcClient } from '../rpc/rpc-client.ts';
import { Broker } from './broker.ts';
import { brokerConfig } from './testing.ts';

/** For tests: a cluster of combined nodes in the simulated world, each on a host of its own, and whoever talks to it. */
export interface SimCluster {
  readonly world: SimWorld;
  /** Of the process that the test runs in. */
  readonly ports: Ports;
  readonly ids: readonly number[];
  readonly logged: string[];
  /** The broker's present life. */
  broker(id: number): Broker;
  bootstrap(): string;
  connect(id: number): Promise<RpcClient>;
  kill(id: number): void;
  /** Resolves when it is ready. */
  start(id: number): Promise<void>;
  stop(id: number): Promise<void>;
  wait(ms: number): Promise<void>;
  until(isSo: () => boolean | Promise<boolean>, msMax?: number): Promise<void>;
}

const CLIENT_PORT = 9092;
const CONTROLLER_PORT = 9093;
const host = (id: number): string => `n${id}`;

export async function withCluster(
  count: number,
  settings: Readonly<Record<string, string>>,
  use: (cluster: SimCluster) => Promise<void>,
  seed = 1,
): Promise<string> {
  const world = new SimWorld({ seed });
  const ids = Array.from({ length: count }, (_, i) => i + 1);
  const voters = ids.map((id) => `${id}@${host(id)}:${CONTROLLER_PORT}`).join(',');
  const logged: string[] = [];
  const brokers = new Map<number, Broker>();
  const start = (id: number): Promise<void> => {
    const process = world.process(host(id));
    if (!process.alive) process.restart();
    return new Promise((resolve, reject) => {
      process.spawn(async (ports) => {
        const config = brokerConfig({
          'node.id': String(id),
          'controller.quorum.voters': voters,
          listeners: `PLAINTEXT://${host(id)}:${CLIENT_PORT},CONTROLLER://${host(id)}:${CONTROLLER_PORT}`,
          ...settings,
        });
        const onLog = (line: string): void => void logged.push(`${world.timeMs.toFixed(0)} ${id}: ${line}`);
        const broker = new Broker({ ports, config, onLog });
        brokers.set(id, broker);
        await broker.start().then(() => resolve(), reject);
      });
    });
  };
  const started = ids.map(start);
  let isDone = false;
  world.process('client').spawn(async (ports) => {
    await Promise.all(started);
    const wait = (ms: number): Promise<void> => new Promise((resolve) => ports.clock.setTimer(ms, resolve));
    await use({
      world,
      ports,
      ids,
      logged,
      broker: (id) => brokers.get(id)!,
      bootstrap: () => ids.map((id) => `${host(id)}:${CLIENT_PORT}`).join(','),
      connect: (id) => RpcClient.connect(ports, { host: host(id), port: CLIENT_PORT }),
      kill: (id) => world.process(host(id)).crash(),
      start,
      stop: (id) =>
        new Promise((resolve) => {
          world.process(host(id)).spawn(async () => {
            await brokers.get(id)!.shutdown();
            resolve();
            world.process(host(id)).crash();
          });
        }),
      wait,
      until: async (isSo, msMax = 30_000) => {
        const deadlineMs = world.timeMs + msMax;
        while (!(await isSo())) {
          if (world.timeMs > deadlineMs) throw new Error(`not within ${msMax} ms\n${logged.slice(-30).join('\n')}`);
          await wait(50);
        }
      },
    });
    isDone = true;
  });
  await world.run({ until: () => isDone, untilTimeMs: 3_600_000 });
  if (!isDone) throw new Error(`the test did not end within an hour of virtual time\n${logged.slice(-30).join('\n')}`);
  return world.hash();
}
