/**
 * An operator's tools, as requests: which transactions are open for too long, end one by taking its id over; and a request of an earlier transaction that
 * comes late, over a connection of its own.
 *
 * Invariant: nothing here knows more than the wire tells. Versions are the highest that both sides have, unless a caller wants an older one.
 */
import type { ClientPorts } from '@mqlab/core/client/connections.ts';
import { errorOf } from '@mqlab/core/protocol/errors.ts';
import { ListOffsets } from '@mqlab/core/protocol/messages/02-list-offsets.ts';
import { InitProducerId } from '@mqlab/core/protocol/messages/22-init-producer-id.ts';
import { EndTxn } from '@mqlab/core/protocol/messages/26-end-txn.ts';
import { DescribeTransactions } from '@mqlab/core/protocol/messages/65-describe-transactions.ts';
import { ListTransactions } from '@mqlab/core/protocol/messages/66-list-transactions.ts';
import { RpcClient } from '@mqlab/core/rpc/rpc-client.ts';

/** Who a transactional id is, as its coordinator knows it. */
export interface KnownTransaction {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** Before KIP-890 an end left the epoch as it was: version 4 says that it is meant so. */
const END_BEFORE_KIP_890 = 4;

export class Operator {
  readonly #client: RpcClient;

  private constructor(client: RpcClient) {
    this.#client = client;
  }

  /** One broker: it coordinates every id. */
  static async connect(ports: ClientPorts, bootstrap: string): Promise<Operator> {
    const at = bootstrap.lastIndexOf(':');
    const address = { host: bootstrap.slice(0, at), port: Number(bootstrap.slice(at + 1)) };
    return new Operator(await RpcClient.connect(ports, address, { clientId: 'operator' }));
  }

  async describe(transactionalId: string): Promise<KnownTransaction | null> {
    const { transactionStates } = await this.#client.send(DescribeTransactions, {
      transactionalIds: [transactionalId],
    });
    const [state] = transactionStates;
    if (state === undefined || state.errorCode !== 0) return null;
    return { transactionalId, producerId: state.producerId, producerEpoch: state.producerEpoch };
  }

  /** Ids whose transaction has been open for longer than this. */
  async openFor(ms: number): Promise<readonly string[]> {
    const { transactionStates } = await this.#client.send(ListTransactions, {
      stateFilters: ['Ongoing'],
      producerIdFilters: [],
      durationFilter: ms,
    });
    return transactionStates.map(({ transactionalId }) => transactionalId);
  }

  /** Takes the id over, which aborts what is open under it: Kafka's fenceProducers. */
  async abort(transactionalId: string): Promise<void> {
    await this.#client.send(InitProducerId, {
      transactionalId,
      transactionTimeoutMs: 60_000,
      producerId: -1,
      producerEpoch: -1,
    });
  }

  /** The late commit. Resolves with Kafka's name for the answer. */
  async commitLate(transaction: KnownTransaction, isBeforeKip890: boolean): Promise<string> {
    const { errorCode } = await this.#client.send(
      EndTxn,
      { ...transaction, committed: true },
      isBeforeKip890 ? { versionMax: END_BEFORE_KIP_890 } : {},
    );
    return errorOf(errorCode).name;
  }

  /** High watermark and last stable offset of a partition. */
  async ends(
    topic: string,
    partition: number,
  ): Promise<{ readonly highWatermark: number; readonly lastStable: number }> {
    const latest = async (isolationLevel: number): Promise<number> => {
      const { topics } = await this.#client.send(ListOffsets, {
        replicaId: -1,
        isolationLevel,
        topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp: -1 }] }],
        timeoutMs: 1000,
      });
      return topics[0]?.partitions[0]?.offset ?? -1;
    };
    // In this order: what is stable now is below what is there a moment later.
    const lastStable = await latest(1);
    return { highWatermark: await latest(0), lastStable };
  }

  close(): void {
    this.#client.close();
  }
}
