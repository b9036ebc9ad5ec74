/**
 * The real network: TCP by node:net, received into one static buffer, sent by gathered writes and sendfile.
 *
 * Invariant: `onClose` comes exactly once, and nothing after it, whatever the peer does and whenever. A peer that has ended its side still
 * gets what was queued for it; then the connection closes. What arrives after `end()` is dropped.
 */
import net from 'node:net';
import { FilesError } from '../files.ts';
import type { Address, Connection, ConnectionReceiver, Listener, Network, NetworkMetrics, Part } from '../network.ts';
import { NetworkError } from '../network.ts';
import { adoptAccepted, onReadOption } from './handle.ts';
import { type SendCounters, SendQueue } from './send-queue.ts';
import { type SendfileCall, sendfileCall } from './sendfile.ts';

/** How long a connection that has sent everything waits for its peer to end too. */
const END_WAIT_MS_MAX = 1000;
const ACCEPT_BACKLOG = 1024;
/** The longest delay that the runtime's timers take. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

export interface RealNetworkOptions {
  /** `off` copies every FileSlice. Default: `auto`, or what the environment's MQLAB_SENDFILE says. */
  readonly sendfile?: 'auto' | 'off';
}

export interface RealNetwork extends Network {
  readonly metrics: NetworkMetrics;
}

interface Counters extends SendCounters {
  bytesReceived: number;
}

export function realNetwork(options: RealNetworkOptions = {}): RealNetwork {
  const mode = options.sendfile ?? (process.env.MQLAB_SENDFILE === 'off' ? 'off' : 'auto');
  const sendfile = mode === 'off' ? null : sendfileCall();
  const counters: Counters = { bytesReceived: 0, bytesSentFromMemory: 0, bytesSentBySendfile: 0, bytesSentByCopy: 0 };
  return {
    metrics: counters,
    listen: (address, onConnection) => listen(address, onConnection, counters, sendfile),
    connect: (address, timeoutMs) => connect(address, timeoutMs, counters, sendfile),
  };
}

function listen(
  address: Address,
  onConnection: (connection: Connection) => void,
  counters: Counters,
  sendfile: SendfileCall | null,
): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const server = net.createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true });
    server.on('connection', (accepted) => {
      const connection = new RealConnection(counters, sendfile);
      connection.attach(adoptAccepted(accepted, connection.onRead));
      onConnection(connection);
    });
    server.once('error', (error) => reject(toNetworkError(error)));
    server.listen({ host: address.host, port: address.port, backlog: ACCEPT_BACKLOG }, () => {
      server.removeAllListeners('error');
      // A failed accept (too many open files) costs that client its connection, not the listener its life.
      server.on('error', () => {});
      const port = (server.address() as net.AddressInfo).port;
      resolve({
        address: { host: address.host, port },
        close: () =>
          new Promise((closed) => {
            // The server's own callback waits for connections that stay open by contract.
            server.close();
            setImmediate(closed);
          }),
      });
    });
  });
}

function connect(
  address: Address,
  timeoutMs: number,
  counters: Counters,
  sendfile: SendfileCall | null,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const connection = new RealConnection(counters, sendfile);
    const socket = net.connect({
      host: address.host,
      port: address.port,
      noDelay: true,
      allowHalfOpen: true,
      onread: onReadOption(connection.onRead),
    });
    socket.pause();
    const timer = setTimeout(
      () => {
        socket.destroy();
        reject(new NetworkError('ETIMEDOUT', `connect ${address.host}:${address.port}: no answer in ${timeoutMs} ms`));
      },
      Math.min(timeoutMs, TIMEOUT_MS_MAX),
    );
    const onError = (error: Error) => {
      clearTimeout(timer);
      reject(toNetworkError(error));
    };
    socket.once('error', onError);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', onError);
      connection.attach(socket);
      resolve(connection);
    });
  });
}

class RealConnection implements Connection {
  remote: Address = { host: '', port: 0 };
  local: Address = { host: '', port: 0 };
  readonly #counters: Counters;
  readonly #sendfile: SendfileCall | null;
  #socket!: net.Socket;
  #queue!: SendQueue;
  #receiver: ConnectionReceiver | null = null;
  #state: 'open' | 'ending' | 'ended' | 'closed' = 'open';
  #paused = false;
  #peerEnded = false;
  #delivering = false;
  #error: NetworkError | undefined;
  #endTimer: NodeJS.Timeout | undefined;

  constructor(counters: Counters, sendfile: SendfileCall | null) {
    this.#counters = counters;
    this.#sendfile = sendfile;
  }

  attach(socket: net.Socket): void {
    this.#socket = socket;
    this.remote = { host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
    this.local = { host: socket.localAddress ?? '', port: socket.localPort ?? 0 };
    const owner = { onEmpty: this.#onEmpty, onFailure: this.#onFailure };
    this.#queue = new SendQueue(socket, owner, this.#counters, this.#sendfile);
    socket.setNoDelay(true);
    socket.setKeepAlive(true);
    socket.on('error', (error) => {
      this.#error ??= toNetworkError(error);
    });
    socket.on('end', this.#onPeerEnd);
    socket.on('close', this.#onSocketClose);
  }

  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  start(receiver: ConnectionReceiver): void {
    if (this.#receiver !== null) throw new Error('the connection has a receiver');
    this.#receiver = receiver;
    if (this.#state === 'closed') {
      setImmediate(() => receiver.onClose(this.#error));
      return;
    }
    if (!this.#paused) this.#socket.resume();
  }

  send(parts: readonly Part[]): void {
    if (this.#state !== 'open') return;
    try {
      this.#queue.push(parts);
    } catch (error) {
      if (!(error instanceof FilesError)) throw error;
      this.#onFailure(error.code);
      return;
    }
    // Answers to the frames of one chunk leave together, after the chunk.
    if (this.#delivering) this.#queue.markWaited();
    else this.#queue.pump();
  }

  pause(): void {
    this.#paused = true;
    if (this.#state !== 'closed') this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#state !== 'closed' && this.#receiver !== null) this.#socket.resume();
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    if (this.#queue.isEmpty) {
      this.#finish();
    } else {
      this.#queue.markWaited();
      this.#queue.pump();
    }
    // A paused socket would never see the peer's end.
    if (this.#receiver !== null) this.#socket.resume();
  }

  destroy(): void {
    if (this.#state === 'closed') return;
    this.#state = 'ended';
    this.#queue.close();
    this.#socket.destroy();
  }

  onRead = (chunk: Buffer): boolean => {
    this.#counters.bytesReceived += chunk.byteLength;
    if (this.#state !== 'open' || this.#receiver === null) return true;
    this.#delivering = true;
    try {
      this.#receiver.onData(chunk);
    } finally {
      this.#delivering = false;
      this.#queue.pump();
    }
    return !this.#paused;
  };

  #onPeerEnd = (): void => {
    this.#peerEnded = true;
    if (this.#state === 'ended') this.#socket.destroy();
    else this.end();
  };

  #onEmpty = (): void => {
    if (this.#state === 'open') this.#receiver?.onDrain?.();
    else if (this.#state === 'ending') this.#finish();
  };

  #onFailure = (code: string): void => {
    this.#error ??= new NetworkError(code, `send to ${this.remote.host}:${this.remote.port}: ${code}`);
    this.destroy();
  };

  /** Everything was taken by the system. */
  #finish(): void {
    this.#state = 'ended';
    if (this.#peerEnded) {
      this.#socket.end(() => this.#socket.destroy());
      return;
    }
    this.#socket.end();
    this.#endTimer = setTimeout(() => this.#socket.destroy(), END_WAIT_MS_MAX);
  }

  #onSocketClose = (): void => {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    clearTimeout(this.#endTimer);
    this.#queue.close();
    this.#receiver?.onClose(this.#error);
  };
}

function toNetworkError(error: Error): NetworkError {
  const code = (error as NodeJS.ErrnoException).code ?? 'EIO';
  return new NetworkError(code, error.message === '' ? code : error.message);
}
