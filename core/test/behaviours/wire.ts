// A client that promises nothing: raw frames over a real socket, any key, version and bytes, answers in order.
// The behaviour tests say with it, request by request, what Kafka does. They run against mqlab, and unchanged against Apache Kafka itself:
// `MQLAB_FOREIGN_BOOTSTRAP` or `MQLAB_FOREIGN_COMMAND` (see ../foreign/harness.ts) name another broker, and whatever fails there is a wrong test.
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Produce } from '../../protocol/messages/00-produce.ts';
import { Fetch } from '../../protocol/messages/01-fetch.ts';
import { OffsetFetch } from '../../protocol/messages/09-offset-fetch.ts';
import { FindCoordinator } from '../../protocol/messages/10-find-coordinator.ts';
import { CreateTopics } from '../../protocol/messages/19-create-topics.ts';
import type { BatchOptions, RecordInput } from '../../protocol/record-batch-builder.ts';
import { buildBatch } from '../../protocol/record-batch-builder.ts';
import type { Api, Fields, RequestInput, ResponseOf } from '../../protocol/schema.ts';
import { decodeResponse, encodeRequest } from '../../rpc/request-codec.ts';

const answerMsMax = 15_000;

/** The broker ended the connection before it answered. */
export class Ended extends Error {}

export class Wire {
  readonly #socket: Socket;
  #chunks: Buffer[] = [];
  #receivedBytes = 0;
  #isEnded = false;
  #wake: () => void = () => {};
  #correlationId = 1;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#receivedBytes += chunk.length;
      this.#wake();
    });
    const ended = (): void => {
      this.#isEnded = true;
      this.#wake();
    };
    socket.on('close', ended).on('end', ended).on('error', ended);
  }

  static open(address: { readonly host: string; readonly port: number }): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connect(address.port, address.host, () => {
        socket.off('error', reject);
        socket.setNoDelay();
        resolve(new Wire(socket));
      });
      socket.once('error', reject);
    });
  }

  /** Stops reading: what the broker sends stays with it and in the system's buffers. */
  stopReading(): void {
    this.#socket.pause();
  }

  write(...bytes: Uint8Array[]): void {
    for (const each of bytes) this.#socket.write(each);
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Sends a request at exactly this version, without waiting. Returns how to get its answer; answers are asked for in order. */
  send<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    version: number,
    body: RequestInput<Api<Req, Res>>,
  ): () => Promise<ResponseOf<Api<Req, Res>>> {
    const correlationId = this.#correlationId++;
    this.write(...requestBytes(api, version, body, correlationId));
    return async () => {
      const frame = await this.frame();
      if (frame.readInt32BE(0) !== correlationId) throw new Error(`an answer to ${frame.readInt32BE(0)}`);
      return decodeResponse(api, version, frame);
    };
  }

  ask<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    version: number,
    body: RequestInput<Api<Req, Res>>,
  ): Promise<ResponseOf<Api<Req, Res>>> {
    return this.send(api, version, body)();
  }

  /** The next frame, without its size. Rejects with `Ended` when the broker closes instead. */
  async frame(): Promise<Buffer> {
    for (const deadline = Date.now() + answerMsMax; ; ) {
      if (this.#receivedBytes >= 4) {
        if (this.#chunks[0]!.length < 4) this.#join();
        const end = 4 + this.#chunks[0]!.readInt32BE(0);
        if (this.#receivedBytes >= end) {
          const all = this.#join();
          this.#chunks = end < all.length ? [all.subarray(end)] : [];
          this.#receivedBytes -= end;
          return all.subarray(4, end);
        }
      }
      if (this.#isEnded) throw new Ended('the broker closed the connection');
      await this.#more(deadline);
    }
  }

  /** True when the broker ends the connection within `msMax` without another byte. */
  async isClosedBy(msMax = answerMsMax): Promise<boolean> {
    const deadline = Date.now() + msMax;
    while (!this.#isEnded && this.#receivedBytes === 0 && Date.now() < deadline) {
      await this.#more(deadline).catch(() => {});
    }
    return this.#isEnded && this.#receivedBytes === 0;
  }

  #join(): Buffer {
    const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  #more(deadline: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no answer')), Math.max(0, deadline - Date.now()));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** A whole frame with its size. */
export function requestBytes<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  version: number,
  body: RequestInput<Api<Req, Res>>,
  correlationId: number,
): Buffer[] {
  return encodeRequest(api, version, correlationId, 'wire', body) as Buffer[];
}

/** The frame around these bytes. */
export function framed(...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const frame = Buffer.alloc(4 + body.length);
  frame.writeInt32BE(body.length, 0);
  frame.set(body, 4);
  return frame;
}

/** Key, version, correlation id 7, client id: enough of a header for every version of every API (flexible ones want one byte more). */
export function headerBytes(apiKey: number, apiVersion: number): Buffer {
  const header = Buffer.alloc(14);
  header.writeInt16BE(apiKey, 0);
  header.writeInt16BE(apiVersion, 2);
  header.writeInt32BE(7, 4);
  header.writeInt16BE(4, 8);
  header.write('wire', 10);
  return header;
}

export async function createTopic(
  wire: Wire,
  name: string,
  partitionCount = 1,
  configs: Readonly<Record<string, string>> = {},
): Promise<string> {
  const entries = Object.entries(configs).map(([key, value]) => ({ name: key, value }));
  const { topics } = await wire.ask(CreateTopics, 7, {
    topics: [{ name, numPartitions: partitionCount, replicationFactor: 1, assignments: [], configs: entries }],
  });
  const { errorCode, errorMessage, topicId } = topics[0]!;
  if (errorCode !== 0) throw new Error(`${name}: ${errorCode} ${errorMessage}`);
  // The controller answers a moment before the broker leads.
  for (let partition = 0; partition < partitionCount; partition++) {
    for (const deadline = Date.now() + answerMsMax; Date.now() < deadline; await sleep(20)) {
      const { responses } = await wire.ask(Fetch, 12, fetchBody([{ topic: name, partition, offset: 0 }]));
      if (responses[0]!.partitions[0]!.errorCode === 0) break;
    }
  }
  return topicId;
}

/** Returns once the group has a coordinator. */
export async function findCoordinator(wire: Wire, group: string): Promise<void> {
  for (const deadline = Date.now() + answerMsMax; Date.now() < deadline; await sleep(50)) {
    const { coordinators } = await wire.ask(FindCoordinator, 4, { keyType: 0, coordinatorKeys: [group] });
    if (coordinators[0]!.errorCode !== 0) continue;
    const { groups } = await wire.ask(OffsetFetch, 8, { groups: [{ groupId: group, topics: null }] });
    if (groups[0]!.errorCode === 0) return;
  }
  throw new Error(`no coordinator for ${group}`);
}

/** A batch of records with these values, and now as their time. */
export function batchOf(values: readonly (string | RecordInput)[], options: BatchOptions = {}): Buffer {
  const timestamp = Date.now();
  const records = values.map((each) =>
    typeof each === 'string' ? { timestamp, key: 'k', value: each } : { timestamp, ...each },
  );
  return buildBatch({ ...options, records });
}

/** One partition's answer to one batch. */
export async function produce(
  wire: Wire,
  topic: string,
  records: Buffer,
  { version = 9, acks = -1, partition = 0 }: { version?: number; acks?: number; partition?: number } = {},
) {
  const { responses } = await wire.ask(Produce, version, produceBody(topic, records, acks, partition));
  return responses[0]!.partitionResponses[0]!;
}

export function produceBody(topic: string, records: Buffer | null, acks = -1, index = 0): RequestInput<typeof Produce> {
  return { acks, timeoutMs: 10_000, topicData: [{ name: topic, partitionData: [{ index, records }] }] };
}

export interface FetchOptions {
  readonly version?: number;
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
  readonly partitionMaxBytes?: number;
  readonly isolationLevel?: number;
  readonly currentLeaderEpoch?: number;
  readonly lastFetchedEpoch?: number;
  readonly sessionId?: number;
  readonly sessionEpoch?: number;
}

export function fetchBody(
  wanted: readonly { readonly topic: string; readonly partition?: number; readonly offset: number }[],
  options: FetchOptions = {},
): RequestInput<typeof Fetch> {
  return {
    maxWaitMs: options.maxWaitMs ?? 0,
    minBytes: options.minBytes ?? 1,
    maxBytes: options.maxBytes ?? 50_000_000,
    isolationLevel: options.isolationLevel ?? 0,
    sessionId: options.sessionId ?? 0,
    sessionEpoch: options.sessionEpoch ?? -1,
    topics: wanted.map(({ topic, partition, offset }) => ({
      topic,
      partitions: [
        {
          partition: partition ?? 0,
          fetchOffset: offset,
          partitionMaxBytes: options.partitionMaxBytes ?? 1_000_000,
          currentLeaderEpoch: options.currentLeaderEpoch ?? -1,
          lastFetchedEpoch: options.lastFetchedEpoch ?? -1,
        },
      ],
    })),
    forgottenTopicsData: [],
    rackId: '',
  };
}

/** One partition's answer. */
export async function fetch(wire: Wire, topic: string, offset: number, options: FetchOptions = {}) {
  const { responses } = await wire.ask(Fetch, options.version ?? 12, fetchBody([{ topic, offset }], options));
  return responses[0]!.partitions[0]!;
}
