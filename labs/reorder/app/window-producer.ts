/**
 * An idempotent producer whose window is a setting: how many requests it leaves without an answer. Clients refuse more than five; this one does not, so that the reason can be seen.
 *
 * A batch holds one record. After a lost connection everything unanswered is sent again, oldest first, each awaited. Invariant: what a client does about a sequence that the
 * broker refuses is what Kafka's own does (KIP-360): the epoch is raised, numbers begin at 0, and all that is unanswered goes again under the new ones.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { Address } from '@mqlab/core/ports/network.ts';
import type { Ports } from '@mqlab/core/ports/ports.ts';
import { ErrorCode, errorOf } from '@mqlab/core/protocol/errors.ts';
import { Produce } from '@mqlab/core/protocol/messages/00-produce.ts';
import { InitProducerId } from '@mqlab/core/protocol/messages/22-init-producer-id.ts';
import { RecordBatchBuilder } from '@mqlab/core/protocol/record-batch-builder.ts';
import { RpcClient } from '@mqlab/core/rpc/rpc-client.ts';
import type { OutgoingRecord, ProducerDriver, SendAnswer } from '../../kit/drivers/driver.ts';

const BACKOFF_MS = 20;
const TIMEOUT_MS = 30_000;
/** By name of the topic, not by id. */
const PRODUCE_VERSION_MAX = 12;

interface Unanswered {
  readonly record: OutgoingRecord;
  readonly partition: number;
  sequence: number;
  readonly settle: (answer: SendAnswer) => void;
}

interface Written {
  readonly errorCode: number;
  readonly baseOffset: number;
}

export class WindowProducer implements ProducerDriver {
  readonly #ports: Ports;
  readonly #address: Address;
  readonly #window: number;
  readonly #waiting: Unanswered[] = [];
  /** Sent and not answered, oldest first. */
  readonly #flight: Unanswered[] = [];
  readonly #next = new Map<number, number>();
  #connection: RpcClient;
  #producerId = -1;
  #epoch = 0;
  #isRecovering = false;
  #isClosed = false;

  private constructor(ports: Ports, address: Address, window: number, connection: RpcClient) {
    this.#ports = ports;
    this.#address = address;
    this.#window = window;
    this.#connection = connection;
  }

  static async open(ports: Ports, bootstrap: string, window: number): Promise<WindowProducer> {
    const at = bootstrap.lastIndexOf(':');
    const address = { host: bootstrap.slice(0, at), port: Number(bootstrap.slice(at + 1)) };
    const connection = await RpcClient.connect(ports, address, { inFlightMax: window });
    const producer = new WindowProducer(ports, address, window, connection);
    const { errorCode, producerId, producerEpoch } = await connection.send(InitProducerId, {
      transactionalId: null,
      transactionTimeoutMs: TIMEOUT_MS,
    });
    if (errorCode !== ErrorCode.NONE) throw new Error(`no producer id: ${errorOf(errorCode).name}`);
    producer.#producerId = producerId;
    producer.#epoch = producerEpoch;
    return producer;
  }

  send(record: OutgoingRecord): Promise<SendAnswer> {
    return new Promise((settle) => {
      this.#waiting.push({ record, partition: record.partition ?? 0, sequence: -1, settle });
      this.#pump();
    });
  }

  async flush(): Promise<void> {
    while (this.#waiting.length + this.#flight.length > 0) await sleep(this.#ports.clock, 1);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#connection.close();
  }

  #pump(): void {
    while (!this.#isRecovering && this.#flight.length < this.#window && this.#waiting.length > 0) {
      const one = this.#waiting.shift()!;
      one.sequence = this.#number(one.partition);
      this.#flight.push(one);
      const connection = this.#connection;
      this.#write(connection, one).then(
        (written) => {
          if (written.errorCode !== ErrorCode.NONE) throw new Error(`unexpected ${errorOf(written.errorCode).name}`);
          this.#answered(one, written);
          this.#pump();
        },
        () => {
          if (connection === this.#connection && !this.#isRecovering && !this.#isClosed) void this.#recover();
        },
      );
    }
  }

  #number(partition: number): number {
    const sequence = this.#next.get(partition) ?? 0;
    this.#next.set(partition, sequence + 1);
    return sequence;
  }

  #answered(one: Unanswered, { baseOffset }: Written): void {
    this.#flight.splice(this.#flight.indexOf(one), 1);
    one.settle({ outcome: 'ok', partition: one.partition, ...(baseOffset < 0 ? {} : { offset: baseOffset }) });
  }

  // #excerpt recover
  async #recover(): Promise<void> {
    this.#isRecovering = true;
    while (this.#flight.length > 0 && !this.#isClosed) {
      try {
        if (this.#connection.isClosed) {
          this.#connection = await RpcClient.connect(this.#ports, this.#address, { inFlightMax: this.#window });
        }
        const oldest = this.#flight[0]!;
        const written = await this.#write(this.#connection, oldest);
        if (written.errorCode === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER) this.#beginAnew();
        else if (written.errorCode === ErrorCode.NONE) this.#answered(oldest, written);
        else throw new Error(errorOf(written.errorCode).name);
      } catch {
        await sleep(this.#ports.clock, BACKOFF_MS);
      }
    }
    this.#isRecovering = false;
    this.#pump();
  }

  /** The broker does not know what it was sent again: it must have been lost, so all of it goes again. */
  #beginAnew(): void {
    this.#epoch++;
    this.#next.clear();
    for (const one of this.#flight) one.sequence = this.#number(one.partition);
  }
  // #end

  async #write(connection: RpcClient, one: Unanswered): Promise<Written> {
    const { topic, key, value } = one.record;
    const records = oneRecord(this.#ports.clock.now(), key, value, {
      producerId: this.#producerId,
      producerEpoch: this.#epoch,
      baseSequence: one.sequence,
    });
    const topicData = [{ name: topic, partitionData: [{ index: one.partition, records }] }];
    const body = { transactionalId: null, acks: -1, timeoutMs: TIMEOUT_MS, topicData };
    const { responses } = await connection.send(Produce, body, { versionMax: PRODUCE_VERSION_MAX });
    return responses[0]!.partitionResponses[0]!;
  }
}

interface Identity {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
}

export function oneRecord(timestamp: number, key: string | null, value: string, identity: Identity): Buffer {
  const batch = new RecordBatchBuilder(identity);
  batch.append(timestamp, key === null ? null : Buffer.from(key), Buffer.from(value));
  return batch.build();
}
