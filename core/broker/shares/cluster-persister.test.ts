import { expect, test } from 'vitest';
import type { ClusterImage } from '../../controller/image.ts';
import { SimWorld } from '../../ports/sim/world.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import type { SharePartitionName } from '../../shares/persister.ts';
import type { ShareCoordinator } from '../../shares/share-coordinator.ts';
import type { BrokerCalls } from '../broker-calls.ts';
import { clusterPersister } from './cluster-persister.ts';

const TOPIC_ID = Buffer.alloc(16, 't').toString('base64url');
const OTHER_ID = Buffer.alloc(16, 'u').toString('base64url');
const name = (partition: number, topicId = TOPIC_ID) => ({ topicId, partition });

/** Broker 1. The state of partition n of any topic is led by `leaders[n]`. */
function open(leaders: number[]) {
  const world = new SimWorld({ seed: 1 });
  const { clock } = world.process('broker').ports;
  const states = leaders.map((leader) => ({ leader }));
  const topics = new Map([['__share_group_state', { partitions: states }]]);
  const asked: string[] = [];
  /** By broker: the codes of its answers, one for each request; then NONE. */
  const codes = new Map<number, (number | 'lost')[]>();
  const answersOf = (brokerId: number, call: string, partitions: readonly SharePartitionName[]) => {
    asked.push(`${brokerId} ${call} ${partitions.map(({ partition }) => partition)}`);
    const errorCode = codes.get(brokerId)?.shift() ?? ErrorCode.NONE;
    if (errorCode === 'lost') throw new RpcError('connect-failed', 'not-sent', 'gone');
    return partitions.map(({ topicId, partition }) => ({
      topicId,
      partition,
      errorCode,
      errorMessage: null,
      stateEpoch: brokerId,
      startOffset: partition,
      stateBatches: [],
    }));
  };
  const calls: BrokerCalls = {
    async send(brokerId, api, body) {
      const { topics: named } = body as never as { topics: { topicId: string; partitions: { partition: number }[] }[] };
      const partitions = named.flatMap(({ topicId, partitions: each }) =>
        each.map(({ partition }) => ({ topicId, partition })),
      );
      // Answers by topic, in another order than the question.
      const answers = answersOf(brokerId, api.name, partitions).reverse();
      return { results: answers.map(({ topicId, ...answer }) => ({ topicId, partitions: [answer] })) } as never;
    },
  };
  const coordinator = {
    partitionOf: (key: string) => Number(key.split(':').at(-1)),
    readState: async (_: string, partitions: readonly SharePartitionName[]) => answersOf(1, 'read', partitions),
    writeState: async (_: string, partitions: readonly SharePartitionName[]) => answersOf(1, 'write', partitions),
  } as never as ShareCoordinator;
  let exists = true;
  const persister = clusterPersister({
    nodeId: 1,
    image: { topics } as unknown as ClusterImage,
    coordinator,
    calls,
    clock,
    timeoutMs: 1000,
    ensureTopic: async () => exists,
  });
  const hide = (): void => {
    topics.clear();
    exists = false;
  };
  const read = (...partitions: SharePartitionName[]) =>
    world.settle(
      persister.readState(
        'g',
        partitions.map((each) => ({ ...each, leaderEpoch: 0 })),
      ),
      {
        untilTimeMs: 100_000,
      },
    );
  return { persister, asked, codes, states, hide, read };
}

test('share partitions are asked for at their coordinators, and answered in the order of the question', async () => {
  const { read, asked } = open([1, 2, 3]);
  const answers = await read(name(2), name(0), name(1), name(1, OTHER_ID));
  expect(answers.map(({ topicId, partition, stateEpoch }) => [topicId, partition, stateEpoch])).toEqual([
    [TOPIC_ID, 2, 3],
    [TOPIC_ID, 0, 1],
    [TOPIC_ID, 1, 2],
    [OTHER_ID, 1, 2],
  ]);
  expect(asked.sort()).toEqual(['1 read 0', '2 ReadShareGroupState 1,1', '3 ReadShareGroupState 2']);
});

test('a coordinator that moves, loads or is gone is asked for again where it is then; what is final is not', async () => {
  const { read, asked, codes, states } = open([2, 3, 1]);
  codes.set(2, ['lost']);
  codes.set(3, [ErrorCode.FENCED_LEADER_EPOCH]);
  codes.set(1, [ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.NOT_COORDINATOR]);
  const reading = read(name(0), name(1), name(2));
  states[0]!.leader = -1;
  await Promise.resolve();
  states[0]!.leader = 3;
  const answers = await reading;
  expect(answers.map(({ errorCode }) => errorCode)).toEqual([0, ErrorCode.FENCED_LEADER_EPOCH, 0]);
  expect(asked.filter((each) => each.startsWith('1'))).toHaveLength(3);
  expect(asked.at(-1)).toBe('1 read 2');
  expect(asked).toContain('3 ReadShareGroupState 0');
});

test('the attempts are bounded; without the topic of the states there is no coordinator', async () => {
  const { read, asked, states, hide } = open([-1]);
  const [answer] = await read(name(0));
  expect(answer).toMatchObject({ errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE, ...name(0) });
  expect(asked).toEqual([]);
  states[0]!.leader = 1;
  hide();
  expect((await read(name(0)))[0]!.errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  expect(asked).toEqual([]);
});
