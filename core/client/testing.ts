import type { Ports } from '../ports/ports.ts';
import { SimWorld } from '../ports/sim/world.ts';
import { readRequestHeader, requestHeaderVersion } from '../protocol/header.ts';
import { Produce } from '../protocol/messages/00-produce.ts';
import { Metadata } from '../protocol/messages/03-metadata.ts';
import { ApiVersions } from '../protocol/messages/18-api-versions.ts';
import { InitProducerId } from '../protocol/messages/22-init-producer-id.ts';
import { Reader } from '../protocol/reader.ts';
import { recordsOf } from '../protocol/record.ts';
import { RecordBatch } from '../protocol/record-batch.ts';
import type { RequestOf, ResponseInput } from '../protocol/schema.ts';
import { type AnyApi, encodeResponse } from '../rpc/request-codec.ts';
import { type Reply, ServerConnection } from '../rpc/server-connection.ts';

/**
 * For tests: brokers of which only the answers to Produce are real, and those as the test's script wants them. It shows what a producer does after
 * answers that a sound broker gives only in bad moments. The partitions share one list of values; sequences are checked as a broker does, of
 * the first batch of a request. All brokers have the same log: what one has taken, the next leader has.
 */
export type Verdict =
  /** Append (unless the sequence forbids it) and answer so. */
  | 'append'
  /** Append, and break the connection instead of an answer. */
  | 'append-and-drop'
  /** Break the connection without appending. */
  | 'drop'
  /** Never answer. */
  | 'silence'
  /** Refuse with this code. */
  | number
  /** Append, and answer with this code all the same. */
  | { readonly appendedBut: number };

export interface SeenBatch {
  readonly values: readonly string[];
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly bytes: number;
}

const APIS: readonly AnyApi[] = [Produce, Metadata, ApiVersions, InitProducerId];
const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ';
const NOT_LEADER = 6;

/** What the brokers have in common. */
export class ScriptedCluster {
  readonly log: string[] = [];
  readonly sequences = new Map<string, { next: number; batches: { base: number; offset: number }[] }>();
  readonly nodes: { readonly nodeId: number; readonly host: string; readonly port: number }[] = [];
  leader = { leaderId: 1, leaderEpoch: 0 };
  /** What Metadata answers, where it is behind. */
  staleLeader: { readonly leaderId: number; readonly leaderEpoch: number } | null = null;
  /** Whether who is no leader names the leader (KIP-951). */
  namesLeader = true;
  metadataRequests = 0;

  move(leaderId: number): void {
    this.leader = { leaderId, leaderEpoch: this.leader.leaderEpoch + 1 };
  }
}

export class ScriptedBroker {
  readonly seen: SeenBatch[] = [];
  producerIds = 0;
  /** What InitProducerId brings. */
  producerEpoch = 0;
  partitionCount = 1;
  readonly cluster: ScriptedCluster;
  private readonly nodeId: number;
  private readonly host: string;
  private readonly script: (batch: SeenBatch, index: number) => Verdict;

  constructor(script: (batch: SeenBatch, index: number) => Verdict, cluster = new ScriptedCluster(), nodeId = 1) {
    this.script = script;
    this.cluster = cluster;
    this.nodeId = nodeId;
    this.host = hostOf(nodeId);
    cluster.nodes.push({ nodeId, host: this.host, port: 9092 });
  }

  get log(): readonly string[] {
    return this.cluster.log;
  }

  async listen(ports: Ports): Promise<void> {
    const limits = { frameBytesMax: 1e8, idleMsMax: -1, sendQueueBytesMax: 1e8 };
    await ports.network.listen({ host: this.host, port: 9092 }, (connection) => {
      new ServerConnection(0, connection, ports.clock, limits, (frame) => this.handle(frame), { onClose() {} });
    });
  }

  private handle(frame: Buffer): Reply | Promise<Reply> {
    const reader = new Reader(frame);
    const apiOf = (key: number) => APIS.find((each) => each.key === key)!;
    const { apiKey, apiVersion, correlationId } = readRequestHeader(reader, (key, version) =>
      requestHeaderVersion(apiOf(key), version),
    );
    const api = apiOf(apiKey);
    const request = api.request.read(reader, apiVersion);
    const answer = this.answer(api, request);
    if (answer === 'drop') return { kind: 'close', reason: 'script' };
    if (answer === 'silence') return new Promise<Reply>(() => {});
    if (answer === 'nothing') return { kind: 'nothing' };
    return { kind: 'send', parts: encodeResponse(api, apiVersion, correlationId, answer as never) };
  }

  private answer(api: AnyApi, request: unknown): object | 'drop' | 'silence' | 'nothing' {
    switch (api.key) {
      case ApiVersions.key:
        return versions();
      case Metadata.key:
        this.cluster.metadataRequests++;
        return metadata(this.cluster, this.partitionCount);
      case InitProducerId.key:
        return {
          throttleTimeMs: 0,
          errorCode: 0,
          producerId: 100 + this.producerIds++,
          producerEpoch: this.producerEpoch,
        };
      default:
        return this.produce(request as RequestOf<typeof Produce>);
    }
  }

  private produce(request: RequestOf<typeof Produce>): object | 'drop' | 'silence' | 'nothing' {
    const { index, records } = request.topicData[0]!.partitionData[0]!;
    const batch = new RecordBatch(Buffer.from(records!));
    const values = [...recordsOf(batch)].map((record) => record.value!.toString());
    const { producerId, producerEpoch, baseSequence, bytes } = batch;
    const seen = { values, producerId, producerEpoch, baseSequence, bytes };
    this.seen.push(seen);
    const { leader, namesLeader, nodes } = this.cluster;
    if (leader.leaderId !== this.nodeId) {
      const named = namesLeader ? { currentLeader: leader } : {};
      const partitionResponses = [{ index, errorCode: NOT_LEADER, baseOffset: -1, ...named }];
      const nodeEndpoints = namesLeader ? nodes.map((node) => ({ ...node, rack: null })) : [];
      return { responses: [{ name: 't', topicId: TOPIC_ID, partitionResponses }], nodeEndpoints };
    }
    const verdict = this.script(seen, this.seen.length - 1);
    if (verdict === 'drop' || verdict === 'silence') return verdict;
    const appended = typeof verdict === 'number' ? null : this.append(seen, index);
    const refused = typeof verdict === 'object' ? verdict.appendedBut : verdict;
    const outcome = typeof refused === 'number' ? { errorCode: refused, baseOffset: -1 } : appended!;
    if (verdict === 'append-and-drop') return 'drop';
    if (request.acks === 0) return 'nothing';
    const partitionResponses = [{ index, ...outcome }];
    const answer: ResponseInput<typeof Produce> = { responses: [{ name: 't', topicId: TOPIC_ID, partitionResponses }] };
    return answer;
  }

  private append(
    { values, producerId, producerEpoch, baseSequence }: SeenBatch,
    partition: number,
  ): { errorCode: number; baseOffset: number } {
    const { log, sequences } = this.cluster;
    const offset = log.length;
    if (producerId >= 0) {
      const key = `${producerId}/${producerEpoch}/${partition}`;
      const state = sequences.get(key) ?? { next: 0, batches: [] };
      const duplicate = state.batches.find((each) => each.base === baseSequence);
      if (duplicate !== undefined) return { errorCode: 0, baseOffset: duplicate.offset };
      if (baseSequence !== state.next) return { errorCode: 45, baseOffset: -1 };
      state.next += values.length;
      state.batches = [...state.batches, { base: baseSequence, offset }].slice(-5);
      sequences.set(key, state);
    }
    log.push(...values);
    return { errorCode: 0, baseOffset: offset };
  }
}

function versions(): ResponseInput<typeof ApiVersions> {
  const apiKeys = APIS.map((api) => ({
    apiKey: api.key,
    minVersion: api.request.versionMin,
    maxVersion: api.request.versionMax,
  }));
  return { errorCode: 0, apiKeys };
}

function metadata(cluster: ScriptedCluster, partitionCount: number): ResponseInput<typeof Metadata> {
  const leader = cluster.staleLeader ?? cluster.leader;
  const ids = cluster.nodes.map(({ nodeId }) => nodeId);
  const partitions = Array.from({ length: partitionCount }, (_, partitionIndex) => {
    return { errorCode: 0, partitionIndex, ...leader, replicaNodes: ids, isrNodes: ids };
  });
  const topic = { errorCode: 0, name: 't', topicId: TOPIC_ID, partitions };
  return { brokers: cluster.nodes, clusterId: 'c', controllerId: 1, topics: [topic] };
}

/** `broker`, then `broker2`, `broker3`. */
function hostOf(nodeId: number): string {
  return nodeId === 1 ? 'broker' : `broker${nodeId}`;
}

/** Runs `use` in a simulated process beside the scripted broker. */
export function withScriptedBroker(
  script: (batch: SeenBatch, index: number) => Verdict,
  use: (ports: Ports, broker: ScriptedBroker, world: SimWorld) => Promise<void>,
): Promise<void> {
  return withScriptedBrokers([script], (ports, [broker], world) => use(ports, broker!, world));
}

/** Beside several; the first leads at the beginning. */
export async function withScriptedBrokers(
  scripts: readonly ((batch: SeenBatch, index: number) => Verdict)[],
  use: (ports: Ports, brokers: readonly ScriptedBroker[], world: SimWorld) => Promise<void>,
): Promise<void> {
  const world = new SimWorld({ seed: 7 });
  const cluster = new ScriptedCluster();
  const brokers = scripts.map((script, i) => new ScriptedBroker(script, cluster, i + 1));
  const listening = brokers.map((broker, i) => {
    let isListening: () => void = () => {};
    const listens = new Promise<void>((resolve) => {
      isListening = resolve;
    });
    world.process(hostOf(i + 1)).spawn(async (ports) => {
      await broker.listen(ports);
      isListening();
    });
    return listens;
  });
  let isDone = false;
  world.process('client').spawn(async (ports) => {
    await Promise.all(listening);
    await use(ports, brokers, world);
    isDone = true;
  });
  await world.run({ until: () => isDone, untilTimeMs: 3_600_000 });
  if (!isDone) throw new Error('the test did not end within an hour of virtual time');
}
