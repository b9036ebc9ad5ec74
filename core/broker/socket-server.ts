import type { Clock } from '../ports/clock.ts';
import type { Address, Connection, Listener, Network } from '../ports/network.ts';
import { type Reply, ServerConnection } from '../rpc/server-connection.ts';
import type { BrokerConfig } from './config.ts';
import { type EndPoint, isWildcard } from './listeners.ts';
import type { BrokerMetrics } from './metrics.ts';
import type { ConnectionQuota } from './quotas/connection-quota.ts';

/**
 * The listeners of a node and the connections that came through them.
 *
 * Invariant: what arrives before its listener's rooms are ready waits (one request a connection) and is answered then. After `drain` nothing is open.
 */
export interface ListenerRole {
  readonly endPoint: EndPoint;
  /** Where clients are told that it is. */
  readonly advertised: EndPoint | undefined;
  /** Null once requests may be answered. */
  readonly whenReady: () => Promise<unknown> | null;
  readonly handle: (frame: Buffer, connection: ServerConnection) => Reply | Promise<Reply>;
}

export interface SocketServerParts {
  readonly clock: Clock;
  readonly network: Network;
  readonly config: BrokerConfig;
  readonly quota: ConnectionQuota;
  readonly metrics: BrokerMetrics;
  readonly onLog: (message: string) => void;
}

/** Bytes that may wait in a connection before its next request is looked at. */
const SEND_QUEUE_BYTES_MAX = 1024 * 1024;
const LOCALHOST = 'localhost';
/** Beyond this many, a connection over the rate of its address is closed without waiting. */
const THROTTLED_CONNECTIONS_MAX = 10_000;
const THROTTLED = 'throttled';
const STOPPING = 'the broker stops';
/** How long connections may take to read what is queued for them when the broker stops. */
const SHUTDOWN_SEND_MS_MAX = 2000;

export class SocketServer {
  private readonly parts: SocketServerParts;
  private readonly listeners: Listener[] = [];
  private readonly connections = new Set<ServerConnection>();
  /** Connections over the rate of their address, which wait to be closed. */
  private throttledConnections = 0;
  private nextConnectionId = 0;
  private isStopped = false;

  constructor(parts: SocketServerParts) {
    this.parts = parts;
  }

  /** Returns where others are told that it listens. Rejects with NetworkError: a port that is taken. */
  async listen(role: ListenerRole): Promise<EndPoint> {
    const { name, host, port } = role.endPoint;
    const listener = await this.parts.network.listen(
      { host: isWildcard(host) ? '0.0.0.0' : host, port },
      (connection) => this.accept(connection, role),
    );
    this.listeners.push(listener);
    const { advertised } = role;
    return {
      name,
      host: advertised?.host ?? (isWildcard(host) ? LOCALHOST : host),
      port: advertised?.port || listener.address.port,
    };
  }

  private accept(connection: Connection, role: ListenerRole): void {
    const { clock, config, quota, metrics, onLog } = this.parts;
    const ip = ipOf(connection.remote);
    const admission = quota.admit(ip, clock.monotonic());
    const isRefused = admission.kind === 'refuse';
    if (isRefused) onLog(`${ip}: refused, ${admission.reason}`);
    const mayWait = this.throttledConnections < THROTTLED_CONNECTIONS_MAX;
    if (this.isStopped || (isRefused && (admission.waitMs === 0 || !mayWait))) {
      if (!isRefused) quota.closed(ip);
      connection.destroy();
      return;
    }
    if (isRefused) this.throttledConnections++;
    else metrics.connectionsAccepted++;
    const limits = {
      frameBytesMax: config.number('socket.request.max.bytes'),
      idleMsMax: config.number('connections.max.idle.ms'),
      sendQueueBytesMax: SEND_QUEUE_BYTES_MAX,
    };
    const server = new ServerConnection(
      this.nextConnectionId++,
      connection,
      clock,
      limits,
      (frame, from) => {
        const ready = role.whenReady();
        if (ready === null) return role.handle(frame, from);
        const kept = Buffer.from(frame);
        return ready.then(() => role.handle(kept, from));
      },
      {
        onClose: (closed, reason) => {
          if (isRefused) this.throttledConnections--;
          else quota.closed(ip);
          this.onClosed(closed, reason);
        },
      },
    );
    if (server.isClosed) return;
    this.connections.add(server);
    if (admission.waitMs === 0) return;
    // One that is refused is closed a moment before it would be read.
    if (isRefused) clock.setTimer(admission.waitMs, () => server.close(THROTTLED));
    server.mute(admission.waitMs);
  }

  private onClosed(connection: ServerConnection, reason: string): void {
    this.connections.delete(connection);
    this.parts.metrics.connectionsClosed++;
    if (!isOrdinary(reason)) this.parts.onLog(`${connection.remote.host}:${connection.remote.port}: closed: ${reason}`);
  }

  /** Nobody new comes in. Idempotent. */
  async stopListening(): Promise<void> {
    this.isStopped = true;
    for (const listener of this.listeners.splice(0)) await listener.close();
  }

  /** Sends what is queued, then ends every connection. */
  async drain(): Promise<void> {
    const { clock } = this.parts;
    const deadlineMs = clock.monotonic() + SHUTDOWN_SEND_MS_MAX;
    // One turn, so that answers which were released just now are queued.
    await new Promise<void>((resolve) => clock.defer(resolve));
    while ([...this.connections].some((each) => each.queuedBytes > 0) && clock.monotonic() < deadlineMs) {
      await new Promise<void>((resolve) => clock.setTimer(10, resolve));
    }
    for (const connection of [...this.connections]) connection.end(STOPPING);
  }
}

function isOrdinary(reason: string): boolean {
  return (
    reason === 'closed by the peer' ||
    reason === STOPPING ||
    reason === THROTTLED ||
    reason === 'ECONNRESET' ||
    reason === 'EPIPE'
  );
}

/** An IPv4 client of an IPv6 socket is the same client. */
function ipOf({ host }: Address): string {
  return host.startsWith('::ffff:') ? host.slice('::ffff:'.length) : host;
}
