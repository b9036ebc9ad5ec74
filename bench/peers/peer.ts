/**
 * A queue server of whatever make, as the benchmark sees it: `Peer` finds, starts and ends it; `PeerDriver` is its client in a load thread.
 *
 * Invariants: a peer that is not on this machine says why, and how to get it; what is started has a data folder of its own and ends with its owner; settings are durable
 * ones and said in the report: no peer is configured to lose.
 *
 * To add a peer: a folder here with its `Peer` and its driver module, and a line in `peers.ts`.
 */

export type Found =
  | { readonly isThere: true; readonly version: string }
  /** `why`: a sentence for the report: what is missing and which command or package brings it. */
  | { readonly isThere: false; readonly why: string };

export interface PeerStart {
  /** Empty, or what an earlier start of the same peer left there; taken away by the caller afterwards. */
  readonly dataDir: string;
  /** Nothing is acknowledged before it is on the device. Where a system cannot be told, `Peer.settings` says what it does. */
  readonly flushBeforeAck: boolean;
}

export interface RunningPeer {
  /** What its driver connects to; Kafka's dialect: the bootstrap list. */
  readonly address: string;
  /** Every process of the server: processor time and memory are their sum. */
  readonly pids: readonly number[];
  /** From the start of the first process until a client could be served. */
  readonly startMs: number;
  stop(): Promise<void>;
  /** After `stop`, where the server counts it: how the bytes of its files went to the sockets. */
  transfer?(): { readonly bytesBySendfile: number; readonly bytesByCopy: number } | null;
}

export interface Peer {
  /** Stable: in data and on the command line: `mqlab`, `kafka`, `rabbitmq-quorum`, `rocketmq`, … */
  readonly name: string;
  readonly title: string;
  /** The module whose default export is the `PeerDriver` that load threads import. */
  readonly driver: URL;
  /** It is driven by Kafka's own tools as well. */
  readonly speaksKafka: boolean;
  /** Durability and whatever else differs from the defaults, one line each, for the report. */
  readonly settings: readonly string[];
  find(): Promise<Found>;
  start(options: PeerStart): Promise<RunningPeer>;
}

export interface PeerTopic {
  readonly name: string;
  /** Where a system has no partitions: queues of which a producer chooses one. */
  readonly partitions: number;
}

export interface ProducerOptions {
  readonly address: string;
  readonly topics: readonly PeerTopic[];
  readonly acks: '0' | '1' | 'all';
  /** Ignored where a client sends each message alone. */
  readonly batchBytes: number;
  readonly lingerMs: number;
}

export interface ConsumerOptions {
  readonly address: string;
  /** This consumer's share. */
  readonly assignment: readonly { readonly topic: string; readonly partition: number }[];
  /** `value` is valid during the call only. */
  readonly onMessage: (value: Buffer) => void;
}

export interface PeerProducer {
  /** `settled` once: without an error when the server has confirmed. The driver never waits for room: the caller bounds what is outstanding. */
  send(topic: string, partition: number, value: Buffer, settled: (error: Error | null) => void): void;
  close(): Promise<void>;
}

export interface PeerConsumer {
  close(): Promise<void>;
}

/** Client of one system. Errors reject or settle; none is swallowed. */
export interface PeerDriver {
  createTopics(address: string, topics: readonly PeerTopic[]): Promise<void>;
  /** Where a system can: what one run wrote shall not burden the next. */
  deleteTopics?(address: string, topics: readonly PeerTopic[]): Promise<void>;
  openProducer(options: ProducerOptions): Promise<PeerProducer>;
  /** Consumes from the beginning, acknowledges as a durable consumer would. */
  openConsumer(options: ConsumerOptions): Promise<PeerConsumer>;
}
