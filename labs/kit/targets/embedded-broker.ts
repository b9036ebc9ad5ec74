/** Starts the broker under test on given ports: the one place where the kit meets the broker's own code. */
import { Broker } from '@mqlab/core/broker/broker.ts';
import { BrokerConfig } from '@mqlab/core/broker/config.ts';
import type { NodeView } from '@mqlab/core/broker/node-view.ts';
import type { Ports } from '@mqlab/core/ports/ports.ts';

export interface RunningBroker {
  /** A clean shutdown. */
  close(): Promise<void>;
  /** What the node holds now, for checks of what must always be so; absent where a broker cannot tell. */
  readonly inspect?: () => NodeView;
}

/** `properties` by Kafka's names, listeners included. */
export async function startBrokerOn(
  ports: Ports,
  properties: Readonly<Record<string, string>>,
): Promise<RunningBroker> {
  const parsed = BrokerConfig.parse(new Map(Object.entries(properties)));
  if (!parsed.ok) throw new Error(`broker settings of the scenario: ${parsed.errors.join('; ')}`);
  const broker: Broker & { inspect?(): NodeView } = new Broker({ ports, config: parsed.config });
  await broker.start();
  return {
    close: () => broker.shutdown(),
    ...(broker.inspect === undefined ? {} : { inspect: () => broker.inspect!() }),
  };
}
