// RocketMQ's remoting protocol, of which this is the client's side of one connection: requests by `opaque`, answers in any order.
//
// ```text
// length (4)  of what follows
// header (4)  one byte for its form (0: JSON), three for its length; then the header
// body        the rest
// ```
//
// Invariant: each request is answered once: by its response, or by the error that ended the connection.

import type { Socket } from 'node:net';
import { connect } from 'node:net';

export interface Response {
  readonly code: number;
  readonly remark: string;
  readonly fields: Readonly<Record<string, string>>;
  /** Valid during the call only. */
  readonly body: Buffer;
}

export type Fields = Readonly<Record<string, string | number | boolean>>;
type Answered = (error: Error | null, response: Response | null) => void;

const frameBytesMax = 64 * 1024 * 1024;
const oneWayFlag = 2;
/** The protocol's version that RocketMQ 5.0.0 sends; brokers answer older ones in older forms. */
const version = 401;

export class RemotingConnection {
  private readonly socket: Socket;
  private readonly waiting = new Map<number, Answered>();
  private opaque = 0;
  private error: Error | null = null;
  private isClosing = false;
  private received: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.receive(bytes));
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => this.fail(new Error('the connection is closed')));
  }

  static open(address: string): Promise<RemotingConnection> {
    const [host, port] = address.split(':') as [string, string];
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), host);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new RemotingConnection(socket));
      });
    });
  }

  /** `answered`: null for a request that the server shall not answer. */
  request(code: number, fields: Fields, body: readonly Buffer[], answered: Answered | null): void {
    if (this.error !== null) return answered?.(this.error, null);
    const opaque = ++this.opaque;
    if (answered !== null) this.waiting.set(opaque, answered);
    const header = Buffer.from(
      JSON.stringify({
        code,
        language: 'OTHER',
        version,
        opaque,
        flag: answered === null ? oneWayFlag : 0,
        extFields: fields,
        serializeTypeCurrentRPC: 'JSON',
      }),
    );
    let bytes = header.length;
    for (const part of body) bytes += part.length;
    const head = Buffer.allocUnsafe(8);
    head.writeUInt32BE(4 + bytes, 0);
    head.writeUInt32BE(header.length, 4);
    // What is sent in one turn leaves in one write.
    if (this.socket.writableCorked === 0) {
      this.socket.cork();
      setImmediate(() => this.socket.uncork());
    }
    this.socket.write(head);
    this.socket.write(header);
    for (const part of body) this.socket.write(part);
  }

  /** Rejects with the server's own words unless it answers with success. */
  call(code: number, fields: Fields): Promise<void> {
    return new Promise((resolve, reject) =>
      this.request(code, fields, [], (error, response) => {
        if (error !== null) reject(error);
        else if (response!.code !== 0) reject(refusal(response!));
        else resolve();
      }),
    );
  }

  close(): Promise<void> {
    this.isClosing = true;
    return new Promise((resolve) => {
      if (this.socket.closed) return resolve();
      this.socket.once('close', () => resolve());
      this.socket.end();
    });
  }

  private receive(bytes: Buffer): void {
    const all = this.received.length === 0 ? bytes : Buffer.concat([this.received, bytes]);
    let position = 0;
    while (all.length - position >= 4) {
      const length = all.readUInt32BE(position);
      if (length > frameBytesMax) return void this.socket.destroy(new Error(`a frame of ${length} bytes`));
      if (all.length - position < 4 + length) break;
      this.answer(all.subarray(position + 4, position + 4 + length));
      position += 4 + length;
    }
    this.received = all.subarray(position);
  }

  private answer(frame: Buffer): void {
    const headerBytes = frame.readUInt32BE(0) & 0xff_ff_ff;
    const header = JSON.parse(frame.toString('utf8', 4, 4 + headerBytes)) as {
      code: number;
      flag: number;
      opaque: number;
      remark?: string;
      extFields?: Record<string, string>;
    };
    // The server asks too (it may tell of consumers, say); nothing here has an answer for it.
    if ((header.flag & 1) === 0) return;
    const answered = this.waiting.get(header.opaque);
    this.waiting.delete(header.opaque);
    answered?.(null, {
      code: header.code,
      remark: header.remark ?? '',
      fields: header.extFields ?? {},
      body: frame.subarray(4 + headerBytes),
    });
  }

  private fail(error: Error): void {
    this.error ??= this.isClosing ? new Error('the connection is closed') : error;
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const answered of waiting) answered(this.error, null);
  }
}

export function refusal({ code, remark }: Response): Error {
  return new Error(`the server answered with code ${code}: ${remark}`);
}
