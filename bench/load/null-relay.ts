/**
 * A broker that keeps nothing but hands over: a produce is answered at once, a fetch out of memory; everything else goes to a real broker behind it. The time from end to
 * end through it is that of the clients, the sockets and the wake-ups alone: what a broker adds is what lies above.
 *
 * Not for the rate of a consumer: what is fetched goes from memory, which costs more than sendfile.
 *
 * A process of its own. Arguments: the port to listen on, which the broker behind advertises, and that broker's own port. Prints one line `ready HOST:PORT`.
 */
import { connect } from 'node:net';
import { realClock } from '@mqlab/core/ports/real/clock.ts';
import { realNetwork } from '@mqlab/core/ports/real/network.ts';
import { ErrorCode } from '@mqlab/core/protocol/errors.ts';
import { readRequestHeader, requestHeaderVersion } from '@mqlab/core/protocol/header.ts';
import { Produce } from '@mqlab/core/protocol/messages/00-produce.ts';
import { Fetch } from '@mqlab/core/protocol/messages/01-fetch.ts';
import { Reader } from '@mqlab/core/protocol/reader.ts';
import type { RequestOf, ResponseInput } from '@mqlab/core/protocol/schema.ts';
import { FrameAssembler } from '@mqlab/core/rpc/frame-assembler.ts';
import { encodeResponse, RESPONSE_BYTES_MIN } from '@mqlab/core/rpc/request-codec.ts';
import { type Reply, ServerConnection } from '@mqlab/core/rpc/server-connection.ts';
import { HeldBatches } from './held-batches.ts';

const FRAME_BYTES_MAX = 100 * 1024 * 1024;
const REGION_BYTES = 32 * 1024 * 1024;
const SEND_QUEUE_BYTES_MAX = 1 << 20;

const [port, portBehind] = process.argv.slice(2).map(Number) as [number, number];
/** By partition, of the topic that was written last: loads take one after the other. What still asks for an older topic finds nothing. */
let heldOf = { topic: '', partitions: new Map<number, HeldBatches>() };
/** Fetches that wait for the next produce. */
const waiting = new Set<() => void>();

function writtenTo(topic: string, index: number): HeldBatches {
  if (heldOf.topic !== topic) heldOf = { topic, partitions: new Map() };
  let found = heldOf.partitions.get(index);
  if (found === undefined) heldOf.partitions.set(index, (found = new HeldBatches(REGION_BYTES)));
  return found;
}

function readFrom(topic: string, index: number): HeldBatches | undefined {
  return heldOf.topic === topic ? heldOf.partitions.get(index) : undefined;
}

function produce(request: RequestOf<typeof Produce>): ResponseInput<typeof Produce> {
  const responses = request.topicData.map(({ name, topicId, partitionData }) => ({
    name,
    topicId,
    partitionResponses: partitionData.map(({ index, records }) => ({
      index,
      errorCode: ErrorCode.NONE,
      baseOffset: records === null ? -1 : writtenTo(`${name}${topicId}`, index).append(records),
    })),
  }));
  for (const wake of waiting) wake();
  waiting.clear();
  return { responses };
}

/** null: there is nothing yet. */
function fetched(request: RequestOf<typeof Fetch>): ResponseInput<typeof Fetch> | null {
  let bytes = 0;
  const responses = request.topics.map(({ topic, topicId, partitions }) => ({
    topic,
    topicId,
    partitions: partitions.map(({ partition, fetchOffset, partitionMaxBytes }) => {
      const batches = readFrom(`${topic}${topicId}`, partition);
      const records = batches?.from(fetchOffset, partitionMaxBytes);
      const highWatermark = batches?.nextOffset ?? 0;
      bytes += records?.length ?? 0;
      return {
        partitionIndex: partition,
        errorCode: ErrorCode.NONE,
        highWatermark,
        lastStableOffset: highWatermark,
        logStartOffset: 0,
        abortedTransactions: null,
        records: records ?? Buffer.alloc(0),
      };
    }),
  }));
  return bytes === 0 ? null : { throttleTimeMs: 0, errorCode: ErrorCode.NONE, sessionId: 0, responses };
}

function afterProduce(msMax: number): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      waiting.delete(wake);
      resolve();
    };
    const timer = setTimeout(wake, msMax);
    waiting.add(wake);
  });
}

/** One connection to the broker behind, for one client's connection; a request at a time. */
class Behind {
  private readonly socket = connect({ host: '127.0.0.1', port: portBehind });
  private answered: ((reply: Reply) => void) | null = null;
  private isClosed = false;

  constructor() {
    const assembler = new FrameAssembler(
      { frameBytesMin: RESPONSE_BYTES_MIN, frameBytesMax: FRAME_BYTES_MAX, ownership: 'owned' },
      (frame) => {
        this.answer({ kind: 'send', parts: [sizeOf(frame), frame] });
        return 'continue';
      },
    );
    this.socket.setNoDelay(true);
    this.socket.on('data', (chunk: Buffer) => assembler.push(chunk));
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.isClosed = true;
      this.answer({ kind: 'close', reason: 'the broker behind has closed' });
    });
  }

  forward(frame: Buffer): Promise<Reply> {
    if (this.isClosed) return Promise.resolve({ kind: 'close', reason: 'the broker behind has closed' });
    this.socket.write(Buffer.concat([sizeOf(frame), frame]));
    return new Promise((resolve) => {
      this.answered = resolve;
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private answer(reply: Reply): void {
    const { answered } = this;
    this.answered = null;
    answered?.(reply);
  }
}

function sizeOf(frame: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32BE(frame.length);
  return size;
}

function handle(frame: Buffer, server: Behind): Reply | Promise<Reply> {
  const apiKey = frame.readInt16BE(0);
  if (apiKey !== Produce.key && apiKey !== Fetch.key) return server.forward(frame);
  const reader = new Reader(frame);
  const api = apiKey === Produce.key ? Produce : Fetch;
  const { apiVersion, correlationId } = readRequestHeader(reader, (_key, version) =>
    requestHeaderVersion(api as never, version),
  );
  if (apiKey === Produce.key) {
    const request = Produce.request.read(reader, apiVersion) as RequestOf<typeof Produce>;
    const body = produce(request);
    return request.acks === 0
      ? { kind: 'nothing' }
      : { kind: 'send', parts: encodeResponse(Produce, apiVersion, correlationId, body) };
  }
  const request = Fetch.request.read(reader, apiVersion) as RequestOf<typeof Fetch>;
  const answer = (body: ResponseInput<typeof Fetch>): Reply => ({
    kind: 'send',
    parts: encodeResponse(Fetch, apiVersion, correlationId, body),
  });
  const nothing = { throttleTimeMs: 0, errorCode: ErrorCode.NONE, sessionId: 0, responses: [] };
  const body = fetched(request);
  if (body !== null) return answer(body);
  return afterProduce(request.maxWaitMs).then(() => answer(fetched(request) ?? nothing));
}

let connections = 0;
const listener = await realNetwork().listen({ host: '127.0.0.1', port }, (connection) => {
  const server = new Behind();
  new ServerConnection(
    ++connections,
    connection,
    realClock(),
    { frameBytesMax: FRAME_BYTES_MAX, idleMsMax: -1, sendQueueBytesMax: SEND_QUEUE_BYTES_MAX },
    (frame) => handle(frame, server),
    { onClose: () => server.close() },
  );
});
process.stdout.write(`ready 127.0.0.1:${listener.address.port}\n`);
process.on('SIGTERM', () => process.exit(0));
