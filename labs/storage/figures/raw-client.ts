/**
 * A client that asks and throws away: one connection, requests made beforehand, answers counted and not looked into but for their error code. What it measures is the broker.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Produce } from '@mqlab/core/protocol/messages/00-produce.ts';
import { Fetch } from '@mqlab/core/protocol/messages/01-fetch.ts';

const PRODUCE_VERSION = 7;
const FETCH_VERSION = 4;

function frame(apiKey: number, version: number, body: Uint8Array): Buffer {
  const header = Buffer.alloc(14);
  header.writeInt32BE(10 + body.length, 0);
  header.writeInt16BE(apiKey, 4);
  header.writeInt16BE(version, 6);
  header.writeInt32BE(1, 8);
  header.writeInt16BE(-1, 12);
  return Buffer.concat([header, body]);
}

export function produceFrame(topic: string, records: Buffer): Buffer {
  const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }];
  return frame(0, PRODUCE_VERSION, Produce.request.encode(PRODUCE_VERSION, { acks: 1, timeoutMs: 1000, topicData }));
}

export function fetchFrame(topic: string, fetchOffset: number, bytes: number): Buffer {
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: bytes }];
  const wish = { maxWaitMs: 0, minBytes: 0, maxBytes: bytes, topics: [{ topic, partitions }], forgottenTopicsData: [] };
  return frame(1, FETCH_VERSION, Fetch.request.encode(FETCH_VERSION, wish));
}

export class RawClient {
  readonly #socket: Socket;
  readonly #length = Buffer.alloc(4);
  #lengthBytes = 0;
  #left = 0;
  #answers = 0;
  #wanted = Number.POSITIVE_INFINITY;
  #onWanted: () => void = () => {};
  #onAnswer: () => void = () => {};
  bytes = 0;

  private constructor(port: number) {
    this.#socket = connect({
      host: '127.0.0.1',
      port,
      onread: {
        buffer: Buffer.allocUnsafe(1 << 20),
        callback: (count, buffer) => {
          this.#take(buffer as Buffer, count);
          return true;
        },
      },
    });
    this.#socket.setNoDelay(true);
  }

  static async open(bootstrap: string): Promise<RawClient> {
    const client = new RawClient(Number(bootstrap.split(':').at(-1)));
    await once(client.#socket, 'connect');
    return client;
  }

  #take(buffer: Buffer, count: number): void {
    this.bytes += count;
    for (let at = 0; at < count; ) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, count - at);
        this.#left -= taken;
        at += taken;
        if (this.#left === 0) this.#answered();
        continue;
      }
      this.#length[this.#lengthBytes++] = buffer[at++]!;
      if (this.#lengthBytes < 4) continue;
      this.#left = this.#length.readInt32BE(0);
      this.#lengthBytes = 0;
    }
  }

  #answered(): void {
    this.#answers++;
    this.#onAnswer();
    if (this.#answers >= this.#wanted) this.#onWanted();
  }

  /** Sends `request` `times` times, at most `inFlight` at once, and resolves when all are answered. */
  async repeat(request: Buffer, times: number, inFlight: number): Promise<void> {
    this.#answers = 0;
    this.#wanted = times;
    let sent = 0;
    const done = new Promise<void>((resolve) => {
      this.#onWanted = resolve;
    });
    const send = (): void => {
      if (sent >= times) return;
      sent++;
      this.#socket.write(request);
    };
    this.#onAnswer = send;
    for (let at = 0; at < inFlight; at++) send();
    await done;
    this.#onAnswer = () => {};
  }

  close(): void {
    this.#socket.destroy();
  }
}
