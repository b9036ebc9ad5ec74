/**
 * A topic as the brokers hold it: how far it is replicated, and the header of every stored batch, with the producer's id, epoch and sequence that no client shows.
 *
 * Invariant: asked over connections of its own, which no fault touches; no answer is kept. A broker that is away, or is not the leader, is passed over.
 */
import type { ClientPorts } from '@mqlab/core/client/connections.ts';
import type { Address } from '@mqlab/core/ports/network.ts';
import { ControlType, endTxnMarkerOf } from '@mqlab/core/protocol/control-record.ts';
import { Fetch } from '@mqlab/core/protocol/messages/01-fetch.ts';
import { ListOffsets } from '@mqlab/core/protocol/messages/02-list-offsets.ts';
import { recordsOf } from '@mqlab/core/protocol/record.ts';
import { batchesIn, type RecordBatch } from '@mqlab/core/protocol/record-batch.ts';
import { RpcClient } from '@mqlab/core/rpc/rpc-client.ts';
import { RpcError } from '@mqlab/core/rpc/rpc-error.ts';

const LATEST = -1;
const FETCH_BYTES = 1 << 20;
/** The last version that names topics. */
const FETCH_VERSION_MAX = 12;
const CONNECT_MS_MAX = 5000;

export interface StoredBatch {
  readonly partition: number;
  readonly offset: number;
  readonly producerId: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly isTransactional: boolean;
  /** How a transaction ended, in a batch that says only that. */
  readonly end: 'commit' | 'abort' | null;
  /** Of its records; none of a control batch. */
  readonly values: readonly string[];
}

export class RawLog {
  readonly #ports: ClientPorts;
  readonly #addresses: readonly Address[];
  readonly #clients = new Map<Address, RpcClient>();
  readonly #topic: string;
  readonly #partitions: number;

  constructor(ports: ClientPorts, bootstrap: string, topic: string, partitions: number) {
    this.#ports = ports;
    this.#addresses = bootstrap.split(',').map((text) => {
      const at = text.lastIndexOf(':');
      return { host: text.slice(0, at), port: Number(text.slice(at + 1)) };
    });
    this.#topic = topic;
    this.#partitions = partitions;
  }

  /** Records below the high watermarks, in all: every in-sync replica has them. */
  async replicated(): Promise<number> {
    let total = 0;
    for (let partitionIndex = 0; partitionIndex < this.#partitions; partitionIndex++) {
      total += await this.#ask(async (client) => {
        const { topics } = await client.send(ListOffsets, {
          replicaId: -1,
          isolationLevel: 0,
          topics: [{ name: this.#topic, partitions: [{ partitionIndex, timestamp: LATEST }] }],
          timeoutMs: 1000,
        });
        const answer = topics[0]?.partitions[0];
        return answer?.errorCode === 0 ? answer.offset : null;
      }, 0);
    }
    return total;
  }

  /** Every stored batch, partition by partition. */
  async batches(): Promise<readonly StoredBatch[]> {
    const stored: StoredBatch[] = [];
    for (let partition = 0; partition < this.#partitions; partition++) {
      for (let fetchOffset = 0; ; ) {
        const found = await this.#ask((client) => this.#fetch(client, partition, fetchOffset), []);
        const last = found.at(-1);
        if (last === undefined) break;
        for (const batch of found) {
          stored.push({
            partition,
            offset: batch.baseOffset,
            producerId: batch.producerId,
            epoch: batch.producerEpoch,
            sequence: batch.baseSequence,
            isTransactional: batch.isTransactional,
            end: endOf(batch),
            values: batch.isControl ? [] : [...recordsOf(batch)].map(({ value }) => value?.toString() ?? ''),
          });
        }
        fetchOffset = last.lastOffset + 1;
      }
    }
    return stored;
  }

  async #fetch(client: RpcClient, partition: number, fetchOffset: number): Promise<readonly RecordBatch[] | null> {
    const wish = [{ topic: this.#topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: FETCH_BYTES }] }];
    const { responses } = await client.send(
      Fetch,
      {
        maxWaitMs: 0,
        minBytes: 0,
        isolationLevel: 0,
        sessionId: 0,
        sessionEpoch: -1,
        topics: wish,
        forgottenTopicsData: [],
        rackId: '',
      },
      { versionMax: FETCH_VERSION_MAX },
    );
    const answer = responses[0]?.partitions[0];
    if (answer?.errorCode !== 0) return null;
    return answer.records === null ? [] : [...batchesIn(answer.records as Buffer)];
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  /** The first answer that is not null, from whichever broker has one. */
  async #ask<T>(question: (client: RpcClient) => Promise<T | null>, otherwise: T): Promise<T> {
    for (const address of this.#addresses) {
      const known = this.#clients.get(address);
      try {
        const client = known?.isClosed === false ? known : await this.#connect(address);
        const answer = await question(client);
        if (answer !== null) return answer;
      } catch (error) {
        // It is away: the next one.
        if (!(error instanceof RpcError)) throw error;
      }
    }
    return otherwise;
  }

  async #connect(address: Address): Promise<RpcClient> {
    const client = await RpcClient.connect(this.#ports, address, { connectTimeoutMs: CONNECT_MS_MAX });
    this.#clients.set(address, client);
    return client;
  }
}

function endOf(batch: RecordBatch): StoredBatch['end'] {
  const marker = batch.isControl ? endTxnMarkerOf(batch) : undefined;
  if (marker === undefined) return null;
  return marker.type === ControlType.COMMIT ? 'commit' : 'abort';
}
