import type { FileSlice } from './files.ts';

/**
 * The network port: byte streams. Framing belongs to `rpc/`.
 *
 * Invariant: bytes arrive in the order sent, or the connection ends; `onClose` is called exactly once and nothing after it.
 */
export interface Network {
  /** Port 0 picks a free one. Rejects with `NetworkError` (`EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`). */
  listen(address: Address, onConnection: (connection: Connection) => void): Promise<Listener>;
  /** Rejects with `NetworkError` (`ECONNREFUSED`, `ETIMEDOUT`, `ENOTFOUND`…). */
  connect(address: Address, timeoutMs: number): Promise<Connection>;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Listener {
  /** With the real port number. */
  readonly address: Address;
  /** Stops accepting; connections that are open stay open. */
  close(): Promise<void>;
}

/** What is sent: bytes, or a range of a file that never passes through JavaScript when the adapter can avoid it. */
export type Part = Uint8Array | FileSlice;

export interface Connection {
  readonly remote: Address;
  readonly local: Address;
  /**
   * Sets the receiver, once, synchronously in `onConnection` or right after `connect`. `chunk` is valid only during the call: its memory is reused for
   * the next bytes. What must outlive the call is copied by the receiver.
   */
  start(receiver: ConnectionReceiver): void;
  /**
   * Queues parts, in order. From here on the connection owns the buffers: the sender does not change them. Ignored after the end.
   */
  send(parts: readonly Part[]): void;
  /** Bytes queued here and not yet taken by the system. */
  readonly queuedBytes: number;
  /** Stops and resumes `onData` (a chunk that is already being delivered is finished). */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then ends. What arrives from now on is dropped. */
  end(): void;
  /** Ends at once, drops what is queued. */
  destroy(): void;
}

export interface ConnectionReceiver {
  onData(chunk: Buffer): void;
  /** The queue fell to zero after it was not. */
  onDrain?(): void;
  /** The stream ended; `error` names the system's code when it was not an orderly end. */
  onClose(error?: NetworkError): void;
}

/** Bytes that the real adapter sent, by way. The simulated one counts copies. */
export interface NetworkMetrics {
  readonly bytesReceived: number;
  readonly bytesSentFromMemory: number;
  readonly bytesSentBySendfile: number;
  /** Bytes of FileSlices that were read and written by ordinary calls: the EAGAIN tail, small slices, or no sendfile here. */
  readonly bytesSentByCopy: number;
}

export class NetworkError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'NetworkError';
    this.code = code;
  }
}
