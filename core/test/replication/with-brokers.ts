import { DEFAULT_LOG_CONFIG, type LogConfig } from '../../log/log-config.ts';
import { SimWorld } from '../../ports/sim/world.ts';
import { Produce } from '../../protocol/messages/00-produce.ts';
import { Fetch } from '../../protocol/messages/01-fetch.ts';
import { buildBatch } from '../../protocol/record-batch-builder.ts';
import type { Api, Fields, RequestInput, ResponseOf } from '../../protocol/schema.ts';
import type { Partition } from '../../replica/partition.ts';
import { NodeLinks } from '../../rpc/node-links.ts';
import { TestBroker } from './test-broker.ts';
import { TestController, TOPIC_ID } from './test-controller.ts';

/** Three brokers, a topic and a client, for tests that say themselves what happens. */
export interface Brokers {
  readonly world: SimWorld;
  readonly controller: TestController;
  broker(nodeId: number): TestBroker;
  partition(nodeId: number, partition?: number): Partition;
  send<Req extends Fields, Res extends Fields>(
    nodeId: number,
    api: Api<Req, Res>,
    body: RequestInput<Api<Req, Res>>,
    versionMax?: number,
  ): Promise<ResponseOf<Api<Req, Res>>>;
  /** Appends one record a value; the error code. */
  produce(nodeId: number, values: readonly string[], acks?: number, partition?: number): Promise<number>;
  fetch(nodeId: number, options: FetchWish): Promise<FetchAnswer>;
  until(holds: () => boolean, what: string): Promise<void>;
  wait(ms: number): Promise<void>;
  /** kill −9; the controller hears of it at once. */
  crash(nodeId: number): void;
  restart(nodeId: number): Promise<void>;
}

export interface FetchWish {
  readonly offset: number;
  readonly version?: number;
  readonly rackId?: string;
  readonly maxWaitMs?: number;
  readonly replicaId?: number;
  readonly leaderEpoch?: number;
}

export type FetchAnswer = ResponseOf<typeof Fetch>['responses'][number]['partitions'][number];

const WAIT_MS_MAX = 10_000;

export async function withBrokers(
  assignments: readonly (readonly number[])[],
  config: Partial<LogConfig>,
  use: (brokers: Brokers) => Promise<void>,
): Promise<void> {
  const world = new SimWorld({ seed: 1 });
  const controller = new TestController(world);
  const logConfig = { ...DEFAULT_LOG_CONFIG, ...config };
  const brokers = new Map<number, TestBroker>();
  const start = (nodeId: number): void => {
    const process = world.process(`b${nodeId}`);
    process.spawn(async (ports) => {
      brokers.set(nodeId, await TestBroker.start(process, nodeId, ports, controller, logConfig));
    });
  };
  let isDone = false;
  for (const nodeId of [1, 2, 3]) start(nodeId);
  world.process('client').spawn(async (ports) => {
    const { clock } = ports;
    const links = new NodeLinks(ports, { addressOf: (id) => ({ host: `b${id}`, port: 9092 }) });
    const wait = (ms: number) => new Promise<void>((resolve) => void clock.setTimer(ms, resolve));
    const until = async (holds: () => boolean, what: string): Promise<void> => {
      const deadlineMs = clock.monotonic() + WAIT_MS_MAX;
      while (!holds()) {
        if (clock.monotonic() > deadlineMs) throw new Error(`not within ${WAIT_MS_MAX} ms: ${what}`);
        await wait(0.5);
      }
    };
    await until(() => [1, 2, 3].every((id) => !controller.isFenced(id)), 'all brokers live');
    controller.createTopic(assignments);
    const held = () => [1, 2, 3].flatMap((id) => [...brokers.get(id)!.replicas.all()]).length;
    await until(() => held() === assignments.flat().length, 'all partitions are held');
    const all: Brokers = {
      world,
      controller,
      broker: (nodeId) => brokers.get(nodeId)!,
      partition: (nodeId, partition = 0) => brokers.get(nodeId)!.replicas.partition('t', partition)!,
      send: (nodeId, api, body, versionMax) =>
        links.send(nodeId, api, body, versionMax === undefined ? {} : { versionMax }),
      async produce(nodeId, values, acks = -1, partition = 0) {
        const records = buildBatch({
          records: values.map((value) => ({ timestamp: clock.now(), key: null, value: Buffer.from(value) })),
        });
        const data = { name: 't', topicId: TOPIC_ID, partitionData: [{ index: partition, records: [records] }] };
        const request = { transactionalId: null, acks, timeoutMs: 2000, topicData: [data] };
        const { responses } = await links.send(nodeId, Produce, request);
        return responses[0]!.partitionResponses[0]!.errorCode;
      },
      async fetch(nodeId, { offset, version = 17, rackId = '', maxWaitMs = 0, replicaId = -1, leaderEpoch = -1 }) {
        const wish = { partition: 0, fetchOffset: offset, partitionMaxBytes: 1e6, currentLeaderEpoch: leaderEpoch };
        const request = {
          replicaId,
          replicaState: { replicaId },
          maxWaitMs,
          minBytes: 1,
          maxBytes: 1e6,
          isolationLevel: 0,
          sessionId: 0,
          sessionEpoch: -1,
          topics: [{ topic: 't', topicId: TOPIC_ID, partitions: [wish] }],
          forgottenTopicsData: [],
          rackId,
        };
        const { responses } = await links.send(nodeId, Fetch, request, { versionMax: version });
        return responses[0]!.partitions[0]!;
      },
      until,
      wait,
      crash(nodeId) {
        world.process(`b${nodeId}`).crash();
        controller.fence(nodeId);
      },
      async restart(nodeId) {
        brokers.delete(nodeId);
        world.process(`b${nodeId}`).restart();
        start(nodeId);
        await until(() => brokers.has(nodeId) && !controller.isFenced(nodeId), `broker ${nodeId} is back`);
        await until(() => [...brokers.get(nodeId)!.replicas.all()].length > 0, `broker ${nodeId} holds its partitions`);
      },
    };
    await use(all);
    isDone = true;
  });
  await world.run({ until: () => isDone, untilTimeMs: 300_000 });
  if (!isDone) throw new Error('the test did not end');
}
