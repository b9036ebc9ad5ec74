/** Starts the broker under test on given ports: the one place where the kit meets the broker's own code. */
import { Broker } from '@mqlab/core/broker/broker.ts';
import { BrokerConfig } from '@mqlab/core/broker/config.ts';
import type { Ports } from '@mqlab/core/ports/ports.ts';

export interface EmbeddedBrokerSettings {
  readonly host: string;
  readonly port: number;
  /** Kafka's property names. */
  readonly properties: Readonly<Record<string, string>>;
}

export interface RunningBroker {
  readonly port: number;
  /** A clean shutdown. */
  close(): Promise<void>;
}

export async function startBrokerOn(ports: Ports, settings: EmbeddedBrokerSettings): Promise<RunningBroker> {
  const { host, port, properties } = settings;
  const given = new Map(Object.entries({ listeners: `PLAINTEXT://${host}:${port}`, ...properties }));
  const parsed = BrokerConfig.parse(given);
  if (!parsed.ok) throw new Error(`broker settings of the scenario: ${parsed.errors.join('; ')}`);
  const broker = new Broker({ ports, config: parsed.config });
  const address = await broker.start();
  return { port: address.port, close: () => broker.shutdown() };
}
