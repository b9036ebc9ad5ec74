/**
 * The only place that touches what node:net keeps private: the handle under a socket. Three uses, each with a way out:
 * a receive buffer that is reused for every read (else: ordinary 'data' events), the descriptor for sendfile (else: copying),
 * and the exact count of bytes that wait in the handle (else: the stream's own count).
 *
 * One buffer serves every connection of the thread: the system fills it and the callback runs before any other read can start.
 */
import net from 'node:net';

/** The receive buffer of a thread, and so the largest chunk. */
export const RECEIVE_BYTES_MAX = 1 << 20;

interface Handle {
  readonly fd?: number;
  readonly writeQueueSize?: number;
}

let receiveBuffer: Buffer | undefined;

/** Takes a chunk that is valid during the call; false stops reading. */
export type OnRead = (chunk: Buffer) => boolean;

/** The option of node:net that reads into the shared buffer. */
export function onReadOption(onRead: OnRead): net.OnReadOpts {
  receiveBuffer ??= Buffer.allocUnsafeSlow(RECEIVE_BYTES_MAX);
  const buffer = receiveBuffer;
  return { buffer, callback: (length) => onRead(buffer.subarray(0, length)) };
}

/**
 * Turns an accepted socket (of a server with `pauseOnConnect`) into one that reads into the shared buffer. It does not read before `resume()`.
 */
export function adoptAccepted(accepted: net.Socket, onRead: OnRead): net.Socket {
  const holder = accepted as unknown as { _handle: Handle | null };
  const handle = holder._handle;
  if (handle === null || typeof handle !== 'object' || typeof handle.fd !== 'number') {
    accepted.on('data', (chunk: Buffer) => {
      if (!onRead(chunk)) accepted.pause();
    });
    accepted.pause();
    return accepted;
  }
  const options = { handle, allowHalfOpen: true, manualStart: true, onread: onReadOption(onRead) };
  const socket = new net.Socket(options as unknown as net.SocketConstructorOpts);
  // The first socket object has given up its handle: it must neither read from it nor close it.
  holder._handle = null;
  return socket;
}

/** The descriptor of a connected socket, or -1. */
export function descriptorOf(socket: net.Socket): number {
  return (socket as unknown as { _handle: Handle | null })._handle?.fd ?? -1;
}

/** Bytes written to the socket that the system has not taken. */
export function unsentBytes(socket: net.Socket): number {
  if (socket.writableLength === 0) return 0;
  const queued = (socket as unknown as { _handle: Handle | null })._handle?.writeQueueSize;
  return queued === undefined ? socket.writableLength : Math.min(queued, socket.writableLength);
}
