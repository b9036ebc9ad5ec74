import net from 'node:net';

/** Ports of the loopback address that nobody uses, for processes that are about to start. */

/** Below the range from which systems give ports to outgoing connections. */
const PORT_MIN = 15_000;
const PORT_MAX = 32_000;
const PORT_TRIES_MAX = 4000;
/** Each port is given once: targets that open side by side must not find the same one free. Processes begin at different places. */
let nextPort = Math.floor(Math.random() * (PORT_MAX - PORT_MIN));

/**
 * Free ports that stay free while nobody listens on them: outside the ephemeral range. There, a client that knocks at the port of a killed broker can be
 * given that very port for its own end, connect to itself, and keep the broker from coming back.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers: net.Server[] = [];
  try {
    for (let tried = 0; servers.length < count; tried++) {
      if (tried === PORT_TRIES_MAX) throw new Error(`no ${count} free ports between ${PORT_MIN} and ${PORT_MAX}`);
      const server = await listenOn(PORT_MIN + (nextPort++ % (PORT_MAX - PORT_MIN)));
      if (server !== null) servers.push(server);
    }
    return servers.map((server) => (server.address() as net.AddressInfo).port);
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** null when the port is taken. */
function listenOn(port: number): Promise<net.Server | null> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(null));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
