/**
 * What a cluster says of itself: who leads a partition, who is in sync, which controller is active. Asked by the kit, over links of its own that no fault touches.
 *
 * Invariant: every node that may answer is asked at once, and the answer of the highest epoch counts, of the lowest node among equals: a node that is
 * behind or cut off does not know better. Nobody waits longer than `ANSWER_MS_MAX`.
 */
import type { Address } from '@mqlab/core/ports/network.ts';
import type { Ports } from '@mqlab/core/ports/ports.ts';
import { Metadata } from '@mqlab/core/protocol/messages/03-metadata.ts';
import { DescribeQuorum } from '@mqlab/core/protocol/messages/55-describe-quorum.ts';
import { NodeLinks } from '@mqlab/core/rpc/node-links.ts';
import type { PartitionState } from './target.ts';

const ANSWER_MS_MAX = 1000;
const METADATA_TOPIC = '__cluster_metadata';
const CLIENT_ID = 'mqlab-kit';

export class ClusterView {
  readonly #links: NodeLinks;
  readonly #reachable: () => readonly number[];

  /** `reachable`: ids of the brokers that are worth asking now. */
  constructor(ports: Ports, addressOf: (id: number) => Address | null, reachable: () => readonly number[]) {
    this.#links = new NodeLinks(ports, { addressOf, clientId: CLIENT_ID });
    this.#reachable = reachable;
  }

  async partition(topic: string, partition: number): Promise<PartitionState | null> {
    const states = await this.#ask(async (id) => {
      const answer = await this.#links.send(
        id,
        Metadata,
        { topics: [{ name: topic }], allowAutoTopicCreation: false },
        // Later ones answer by ids where this asks for names.
        { timeoutMs: ANSWER_MS_MAX, versionMax: 9 },
      );
      const found = answer.topics[0]?.partitions.find((each) => each.partitionIndex === partition);
      if (found === undefined) return null;
      return {
        leader: found.leaderId < 0 ? null : found.leaderId,
        leaderEpoch: found.leaderEpoch,
        replicas: found.replicaNodes,
        inSyncReplicas: found.isrNodes,
      };
    });
    return newest(states, (state) => state.leaderEpoch);
  }

  /** Whether a broker answers and counts itself among the live ones: it is registered, and not fenced. */
  async isLive(id: number): Promise<boolean> {
    const options = { timeoutMs: ANSWER_MS_MAX, versionMax: 9 };
    const asked = this.#links.send(id, Metadata, { topics: [], allowAutoTopicCreation: false }, options);
    const answer = await asked.catch(() => null);
    return answer?.brokers.some(({ nodeId }) => nodeId === id) ?? false;
  }

  /** The leader of the metadata log. */
  async controller(): Promise<number | null> {
    const states = await this.#ask(async (id) => {
      const answer = await this.#links.send(
        id,
        DescribeQuorum,
        { topics: [{ topicName: METADATA_TOPIC, partitions: [{ partitionIndex: 0 }] }] },
        { timeoutMs: ANSWER_MS_MAX },
      );
      const found = answer.topics[0]?.partitions[0];
      return answer.errorCode !== 0 || found === undefined || found.errorCode !== 0 || found.leaderId < 0
        ? null
        : found;
    });
    return newest(states, (state) => state.leaderEpoch)?.leaderId ?? null;
  }

  /** Of a node that was started again: its old connections say nothing. */
  drop(id: number): void {
    this.#links.drop(id);
  }

  close(): void {
    this.#links.close();
  }

  async #ask<State>(one: (id: number) => Promise<State | null>): Promise<State[]> {
    const answers = await Promise.all(this.#reachable().map((id) => one(id).catch(() => null)));
    return answers.filter((answer) => answer !== null);
  }
}

function newest<State>(states: readonly State[], epochOf: (state: State) => number): State | null {
  return states.reduce<State | null>(
    (best, state) => (best === null || epochOf(state) > epochOf(best) ? state : best),
    null,
  );
}
