/**
 * A network port with a longer way: what is sent and what arrives is held back for some milliseconds each. For measuring what round trips cost a client on one machine.
 *
 * Invariant: order stays, bytes are copied before they wait (a chunk is valid only during its call). Nothing else of a connection changes.
 */
import type { Clock } from '@mqlab/core/ports/clock.ts';
import type { Connection, ConnectionReceiver, Network, Part } from '@mqlab/core/ports/network.ts';

export function slowNetwork(network: Network, clock: Clock, oneWayMs: number): Network {
  return {
    listen: (address, onConnection) => network.listen(address, onConnection),
    connect: async (address, timeoutMs) => slowConnection(await network.connect(address, timeoutMs), clock, oneWayMs),
  };
}

function slowConnection(inner: Connection, clock: Clock, oneWayMs: number): Connection {
  const later = (action: () => void): void => {
    clock.setTimer(oneWayMs, action);
  };
  return {
    remote: inner.remote,
    local: inner.local,
    get queuedBytes() {
      return inner.queuedBytes;
    },
    start: (receiver: ConnectionReceiver) =>
      inner.start({
        onData: (chunk) => {
          const copy = Buffer.from(chunk);
          later(() => receiver.onData(copy));
        },
        onDrain: () => receiver.onDrain?.(),
        onClose: (error) => later(() => receiver.onClose(error)),
      }),
    send: (parts: readonly Part[]) => later(() => inner.send(parts)),
    pause: () => inner.pause(),
    resume: () => inner.resume(),
    end: () => later(() => inner.end()),
    destroy: () => inner.destroy(),
  };
}
