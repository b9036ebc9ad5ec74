// RocketMQ over its remoting protocol, as its Java client speaks it: a partition is a queue of the topic, which the producer chooses and the consumer pulls.
// Not through the proxy and its Node client (not tried here): by its interface each message is a gRPC call of its own, and the queue is not the caller's to choose.
import type { ConsumerOptions, PeerConsumer, PeerDriver, PeerProducer, PeerTopic, ProducerOptions } from '../peer.ts';
import { SendWindow } from '../send-window.ts';
import { batched, eachBody } from './messages.ts';
import type { Response } from './remoting.ts';
import { RemotingConnection, refusal } from './remoting.ts';

const requests = { pull: 11, updateConsumerOffset: 15, createTopic: 17, deleteTopic: 215, send: 310, sendBatch: 320 };
const answers = { success: 0, pullNotFound: 19, pullRetryImmediately: 20, pullOffsetMoved: 21 };
const group = 'mqlab';
/** Its client's defaults. */
const pullCount = 32;
const pullWaitMs = 15_000;
/**
 * Until an offset is asked for again that the broker calls moved. Nothing here is old enough to have been removed, so this consumer never moves on past what it has not read.
 */
const retryMs = 10;
/** A pull that commits what was read before it, may wait for messages, and brings its subscription along. */
const pullFlags = 1 | 2 | 4;
/** Requests without an answer; what its Java client allows for asynchronous sends. The broker refuses what its queue of 10,000 has no room for. */
const pendingMax = 1024;
/** The broker refuses larger ones. */
const batchBytesMax = 4 * 1024 * 1024 - 64 * 1024;
const readAndWrite = 6;

type Settled = (error: Error | null) => void;

const driver: PeerDriver = {
  async createTopics(address, topics) {
    await withConnection(address, async (connection) => {
      for (const { name, partitions } of topics)
        await connection.call(requests.createTopic, {
          topic: name,
          defaultTopic: 'TBW102',
          readQueueNums: partitions,
          writeQueueNums: partitions,
          perm: readAndWrite,
          topicFilterType: 'SINGLE_TAG',
          topicSysFlag: 0,
          order: false,
          attributes: '+message.type=NORMAL',
        });
    });
  },
  async deleteTopics(address, topics) {
    await withConnection(address, async (connection) => {
      for (const { name } of topics) await connection.call(requests.deleteTopic, { topic: name });
    });
  },
  async openProducer({ address, topics, acks, batchBytes, lingerMs }) {
    const connection = await RemotingConnection.open(address);
    return new Producer(connection, topics, { acks, batchBytes, lingerMs });
  },
  async openConsumer({ address, assignment, onMessage }) {
    const connection = await RemotingConnection.open(address);
    return new Consumer(connection, assignment, onMessage);
  },
};
export default driver;

/** What waits to leave for one queue. */
interface Batch {
  readonly topic: string;
  readonly partition: number;
  values: Buffer[];
  settled: Settled[];
  bytes: number;
}

/** One that is to leave. */
type Full = Omit<Batch, 'bytes'>;

class Producer implements PeerProducer {
  private readonly connection: RemotingConnection;
  private readonly options: Pick<ProducerOptions, 'acks' | 'batchBytes' | 'lingerMs'>;
  private readonly batches = new Map<string, Batch[]>();
  private readonly open = new Set<Batch>();
  private readonly window: SendWindow<Full>;
  private timer: NodeJS.Timeout | NodeJS.Immediate | null = null;

  constructor(connection: RemotingConnection, topics: readonly PeerTopic[], options: Producer['options']) {
    this.connection = connection;
    this.options = options;
    this.window = new SendWindow(pendingMax, (full) => this.request(full));
    for (const { name, partitions } of topics)
      this.batches.set(
        name,
        Array.from({ length: partitions }, (_, partition) => ({
          topic: name,
          partition,
          values: [],
          settled: [],
          bytes: 0,
        })),
      );
  }

  send(topic: string, partition: number, value: Buffer, settled: Settled): void {
    const batch = this.batches.get(topic)![partition]!;
    const bytes = Math.min(this.options.batchBytes, batchBytesMax);
    if (batch.bytes > 0 && batch.bytes + value.length > bytes) this.flush(batch);
    batch.values.push(value);
    batch.settled.push(settled);
    batch.bytes += value.length;
    if (batch.bytes >= bytes) return this.flush(batch);
    this.open.add(batch);
    // Without lingering: at the end of this turn.
    const { lingerMs } = this.options;
    this.timer ??= lingerMs > 0 ? setTimeout(() => this.flushAll(), lingerMs) : setImmediate(() => this.flushAll());
  }

  async close(): Promise<void> {
    this.flushAll();
    await this.connection.close();
  }

  private flushAll(): void {
    this.timer = null;
    for (const batch of this.open) this.flush(batch);
  }

  private flush(batch: Batch): void {
    const { topic, partition, values, settled } = batch;
    this.open.delete(batch);
    batch.values = [];
    batch.settled = [];
    batch.bytes = 0;
    const full = { topic, partition, values, settled };
    if (this.options.acks === '0') this.request(full);
    else this.window.push(full);
  }

  private request({ topic, partition, values, settled }: Full): void {
    const isBatch = values.length > 1;
    const isAnswered = this.options.acks !== '0';
    const settle = (error: Error | null): void => {
      for (const one of settled) one(error);
    };
    const answered = (error: Error | null, response: Response | null): void => {
      settle(error ?? (response!.code === answers.success ? null : refusal(response!)));
      this.window.done();
    };
    this.connection.request(
      isBatch ? requests.sendBatch : requests.send,
      sendFields(topic, partition, isBatch),
      isBatch ? values.flatMap(batched) : values,
      isAnswered ? answered : null,
    );
    if (!isAnswered) settle(null);
  }
}

/** The protocol's second form of a send header, whose names are letters. */
function sendFields(topic: string, queueId: number, isBatch: boolean) {
  return {
    a: group,
    b: topic,
    c: 'TBW102',
    d: 4, // queues of a topic that would be created
    e: queueId,
    f: 0, // system flag
    g: Date.now(), // born
    h: 0, // flag
    i: '', // properties
    j: 0, // consumed again
    k: false, // unit mode
    m: isBatch,
  };
}

class Consumer implements PeerConsumer {
  private readonly connection: RemotingConnection;
  private readonly onMessage: (value: Buffer) => void;
  private readonly offsets: { readonly topic: string; readonly queueId: number; offset: number }[];
  private failure: Error | null = null;
  private isClosing = false;

  constructor(
    connection: RemotingConnection,
    assignment: ConsumerOptions['assignment'],
    onMessage: (value: Buffer) => void,
  ) {
    this.connection = connection;
    this.onMessage = onMessage;
    this.offsets = assignment.map(({ topic, partition }) => ({ topic, queueId: partition, offset: 0 }));
    for (const queue of this.offsets) this.pull(queue);
  }

  async close(): Promise<void> {
    this.isClosing = true;
    if (this.failure !== null) throw this.failure;
    for (const { topic, queueId, offset } of this.offsets)
      await this.connection.call(requests.updateConsumerOffset, {
        consumerGroup: group,
        topic,
        queueId,
        commitOffset: offset,
      });
    await this.connection.close();
  }

  private pull(queue: Consumer['offsets'][number]): void {
    const { topic, queueId, offset } = queue;
    const fields = {
      consumerGroup: group,
      topic,
      queueId,
      queueOffset: offset,
      maxMsgNums: pullCount,
      sysFlag: pullFlags,
      commitOffset: offset,
      suspendTimeoutMillis: pullWaitMs,
      subscription: '*',
      subVersion: 0,
      expressionType: 'TAG',
    };
    if (this.isClosing) return;
    this.connection.request(requests.pull, fields, [], (error, response) => {
      if (this.isClosing) return;
      if (error !== null) this.failure ??= error;
      else if (response!.code === answers.success) {
        const count = eachBody(response!.body, this.onMessage);
        queue.offset += count;
        const { nextBeginOffset } = response!.fields;
        if (Number(nextBeginOffset) === queue.offset) this.pull(queue);
        else this.failure ??= new Error(`offset ${queue.offset} of ${topic} ${queueId} became ${nextBeginOffset}`);
      } else if (response!.code === answers.pullNotFound) this.pull(queue);
      else if (response!.code === answers.pullRetryImmediately || response!.code === answers.pullOffsetMoved) {
        setTimeout(() => this.pull(queue), retryMs);
      } else this.failure ??= refusal(response!);
    });
  }
}

async function withConnection(
  address: string,
  action: (connection: RemotingConnection) => Promise<void>,
): Promise<void> {
  const connection = await RemotingConnection.open(address);
  try {
    await action(connection);
  } finally {
    await connection.close();
  }
}
