/** Many connections that are open and quiet, after each has asked and been answered once. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const AT_ONCE = 100;
/** ApiVersions, version 0: length, key 18, version, correlation id, no client id. */
const API_VERSIONS = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff]);

export class QuietConnections {
  private readonly sockets: Socket[] = [];

  async open(bootstrap: string, count: number): Promise<void> {
    const at = bootstrap.lastIndexOf(':');
    const [host, port] = [bootstrap.slice(0, at), Number(bootstrap.slice(at + 1))];
    while (this.sockets.length < count) {
      const some = Array.from({ length: Math.min(AT_ONCE, count - this.sockets.length) }, () => connect(port, host));
      this.sockets.push(...some);
      await Promise.all(
        some.map(async (socket) => {
          await once(socket, 'connect');
          socket.write(API_VERSIONS);
          await once(socket, 'data');
        }),
      );
    }
  }

  async close(): Promise<void> {
    await Promise.all(
      this.sockets.splice(0).map((socket) => {
        const closed = once(socket, 'close');
        socket.destroy();
        return closed;
      }),
    );
  }
}
