import type { Ports } from '../ports/ports.ts';
import { SimWorld } from '../ports/sim/world.ts';
import { RpcClient, type RpcClientOptions } from '../rpc/rpc-client.ts';
import { Broker } from './broker.ts';
import { BrokerConfig } from './config.ts';

/** For tests: a broker in the simulated world, and whoever talks to it. */
export const BROKER_ADDRESS = { host: 'broker', port: 9092 };

export function brokerConfig(settings: Readonly<Record<string, string>> = {}): BrokerConfig {
  const given = { listeners: 'PLAINTEXT://broker:9092', 'log.dirs': '/data', ...settings };
  const parsed = BrokerConfig.parse(new Map(Object.entries(given)));
  if (!parsed.ok) throw new Error(parsed.errors.join('; '));
  return parsed.config;
}

export interface TestCluster {
  readonly world: SimWorld;
  readonly ports: Ports;
  readonly logged: string[];
  connect(options?: Partial<RpcClientOptions>): Promise<RpcClient>;
  /** kill −9 and start again. */
  restart(): Promise<void>;
  wait(ms: number): Promise<void>;
}

/** Runs `use` as a process beside a broker; returns the world's hash. */
export async function withBroker(
  settings: Readonly<Record<string, string>>,
  use: (cluster: TestCluster) => Promise<void>,
  seed = 1,
): Promise<string> {
  const world = new SimWorld({ seed });
  const process = world.process('broker');
  const logged: string[] = [];
  let ready: () => void = () => {};
  const start = (): Promise<void> => {
    const started = new Promise<void>((resolve) => {
      ready = resolve;
    });
    process.spawn(async (ports) => {
      await new Broker({ ports, config: brokerConfig(settings), onLog: (line) => void logged.push(line) }).start();
      ready();
    });
    return started;
  };
  const started = start();
  let isDone = false;
  world.process('client').spawn(async (ports) => {
    await started;
    await use({
      world,
      ports,
      logged,
      connect: (options) => RpcClient.connect(ports, BROKER_ADDRESS, options),
      restart: () => {
        process.crash();
        process.restart();
        return start();
      },
      wait: (ms) => new Promise((resolve) => ports.clock.setTimer(ms, resolve)),
    });
    isDone = true;
  });
  await world.run({ until: () => isDone, untilTimeMs: 3_600_000 });
  if (!isDone) throw new Error('the test did not end within an hour of virtual time');
  return world.hash();
}
