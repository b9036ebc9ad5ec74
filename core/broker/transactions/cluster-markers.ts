import type { ClusterImage } from '../../controller/image.ts';
import { WriteTxnMarkers } from '../../protocol/messages/27-write-txn-markers.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import type { Marker, MarkerWriter } from '../../transactions/marker-writer.ts';
import type { TopicPartition } from '../../transactions/transaction.ts';
import { BrokerBatches, type BrokerCalls } from '../broker-calls.ts';
import { type LocalMarkers, mustRetry } from './local-markers.ts';

/**
 * Markers for partitions wherever they are led: this broker's own are written here, the others go to their leaders by WriteTxnMarkers, gathered by broker.
 *
 * Invariant: each call makes one attempt, at the leader that the metadata names now; who calls tries again with what is left, after a while.
 */
export interface ClusterMarkersParts {
  readonly nodeId: number;
  readonly image: ClusterImage;
  readonly local: LocalMarkers;
  readonly calls: BrokerCalls;
  /** How long a broker may take for an answer: request.timeout.ms. */
  readonly timeoutMs: number;
}

interface Item {
  readonly marker: Marker;
  readonly partitions: readonly TopicPartition[];
  /** With those that are to be tried again. */
  readonly settle: (rest: readonly TopicPartition[]) => void;
}

const MARKERS_MAX = 500;
const WAITING_MAX = 100_000;
/** WriteTxnMarkers take as long as their commit: other requests to the broker do not wait behind them. */
const CHANNEL = 'markers';

export class ClusterMarkers implements MarkerWriter {
  private readonly parts: ClusterMarkersParts;
  private readonly batches: BrokerBatches<Item>;

  constructor(parts: ClusterMarkersParts) {
    this.parts = parts;
    this.batches = new BrokerBatches({
      keyOf: ({ marker }) => marker.producerId,
      send: (brokerId, items) => this.send(brokerId, items),
      itemsMax: MARKERS_MAX,
      waitingMax: WAITING_MAX,
    });
  }

  async write(marker: Marker, partitions: readonly TopicPartition[]): Promise<readonly TopicPartition[]> {
    const { nodeId, local } = this.parts;
    const byLeader = new Map<number, TopicPartition[]>();
    const rest: TopicPartition[] = [];
    for (const each of partitions) {
      const found = this.parts.image.topics.get(each.topic)?.partitions[each.partition];
      // It was deleted, and what was written there with it.
      if (found === undefined) continue;
      if (found.leader < 0) rest.push(each);
      else byLeader.set(found.leader, [...(byLeader.get(found.leader) ?? []), each]);
    }
    const written = [...byLeader].map(([leader, led]) =>
      leader === nodeId ? local.write(marker, led) : this.writeAt(leader, marker, led),
    );
    return [...rest, ...(await Promise.all(written)).flat()];
  }

  private writeAt(
    brokerId: number,
    marker: Marker,
    partitions: readonly TopicPartition[],
  ): Promise<readonly TopicPartition[]> {
    return new Promise((settle) => {
      if (!this.batches.add(brokerId, { marker, partitions, settle })) settle(partitions);
    });
  }

  private async send(brokerId: number, items: readonly Item[]): Promise<void> {
    const { calls, image, timeoutMs } = this.parts;
    const answers = new Map<number, Map<string, number>>();
    try {
      const { markers } = await calls.send(
        brokerId,
        WriteTxnMarkers,
        { markers: items.map(requestOf) },
        { timeoutMs, channel: CHANNEL },
      );
      for (const { producerId, topics } of markers) {
        const codes = new Map<string, number>();
        for (const { name, partitions } of topics) {
          for (const { partitionIndex, errorCode } of partitions) codes.set(`${partitionIndex} ${name}`, errorCode);
        }
        answers.set(producerId, codes);
      }
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
    }
    for (const { marker, partitions, settle } of items) {
      const codes = answers.get(marker.producerId);
      settle(
        partitions.filter((each) => {
          const errorCode = codes?.get(`${each.partition} ${each.topic}`);
          return errorCode === undefined || mustRetry(image, each, errorCode);
        }),
      );
    }
  }
}

function requestOf({ marker, partitions }: Item) {
  const byTopic = new Map<string, number[]>();
  for (const { topic, partition } of partitions) byTopic.set(topic, [...(byTopic.get(topic) ?? []), partition]);
  return {
    producerId: marker.producerId,
    producerEpoch: marker.producerEpoch,
    coordinatorEpoch: marker.coordinatorEpoch,
    transactionResult: marker.isCommit,
    transactionVersion: marker.transactionVersion,
    topics: [...byTopic].map(([name, partitionIndexes]) => ({ name, partitionIndexes })),
  };
}
