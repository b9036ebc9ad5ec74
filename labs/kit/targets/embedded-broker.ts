/** Starts the broker under test on given ports: the one place where the kit meets the broker's own code. */
import type { Ports } from '@mqlab/core/ports/ports.ts';

export interface EmbeddedBrokerSettings {
  readonly host: string;
  readonly port: number;
  /** Kafka's property names. */
  readonly properties: Readonly<Record<string, string>>;
}

export interface RunningBroker {
  readonly port: number;
  close(): Promise<void>;
}

export async function startBrokerOn(_ports: Ports, _settings: EmbeddedBrokerSettings): Promise<RunningBroker> {
  throw new Error('the embedded broker is not there yet');
}
