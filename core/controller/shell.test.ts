import { expect, test } from 'vitest';
import { SimWorld } from '../ports/sim/world.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { Controller, type MetadataLogWriter, NotControllerError } from './controller.ts';
import { type ControllerSettings, IDLE_CONTROLLER } from './controller-settings.ts';
import { PENDING_DECISIONS_MAX } from './decision-queue.ts';
import { ClusterImage, NO_LEADER } from './image.ts';
import type { NewMetadataRecord } from './records/metadata-record.ts';
import { addBroker, addTopic, idOf, leadership, replay, rulesWith } from './testing.ts';

/** The shell in virtual time: terms, timers, sessions; over a log that commits after a while, or not at all. */
const SETTINGS: ControllerSettings = { ...IDLE_CONTROLLER, brokerSessionTimeoutMs: 9000 };

function open(settings: Partial<ControllerSettings> = {}, brokerSettings: Record<string, string> = {}) {
  const world = new SimWorld({ seed: 1 });
  const process = world.process('controller');
  const { clock, random } = process.ports;
  const image = new ClusterImage();
  const problems: string[] = [];
  const batches: (readonly NewMetadataRecord[])[] = [];
  let logEndOffset = 100;
  let isLeader = true;
  const log: MetadataLogWriter = {
    append(records) {
      return new Promise((resolve, reject) => {
        clock.setTimer(5, () => {
          if (!isLeader) return reject(new Error('the leader of the log is another one'));
          batches.push(records);
          replay(image, records);
          logEndOffset += records.length;
          resolve({ lastOffset: logEndOffset - 1 });
        });
      });
    },
    get logEndOffset() {
      return logEndOffset;
    },
  };
  const controller = new Controller({
    image,
    log,
    clock,
    random,
    rules: rulesWith(brokerSettings),
    clusterId: 'c',
    settings: { ...SETTINGS, ...settings },
    onProblem: (message) => problems.push(message),
  });
  const settle = <T>(promise: Promise<T>) => world.settle(promise, { maxEvents: 100_000 });
  const register = (brokerId: number, incarnation = brokerId) =>
    controller.registerBroker({
      brokerId,
      clusterId: 'c',
      incarnationId: idOf(incarnation),
      endPoints: [{ name: 'PLAINTEXT', host: 'h', port: 9 }],
      rack: null,
      logDirs: [idOf(100 + brokerId)],
    });
  const beat = (brokerId: number, wantShutDown = false, currentMetadataOffset = logEndOffset - 1) =>
    controller.heartbeat({
      brokerId,
      brokerEpoch: image.brokers.get(brokerId)?.brokerEpoch ?? -1,
      currentMetadataOffset,
      wantFence: false,
      wantShutDown,
      offlineLogDirs: [],
    });
  /** `brokers` send heartbeats every two seconds until then. */
  const pass = async (untilTimeMs: number, brokers: readonly number[]) => {
    for (let at = 0; at <= untilTimeMs; at += 2000) {
      world.after(Math.max(0, at), () => {
        for (const id of brokers) void beat(id);
      });
    }
    await world.run({ untilTimeMs });
  };
  const lose = () => {
    isLeader = false;
  };
  return { world, process, controller, image, problems, batches, settle, register, beat, pass, lose };
}

const TOPIC = { name: 't', partitionCount: 1, replicationFactor: 2, assignments: [], configs: [] };
const DEFAULTS = { partitionCount: 1, replicationFactor: 1 };

test('a controller that is not active refuses: nodes by the code, clients by the error', async () => {
  const { controller, settle, register, beat } = open();
  expect(controller.isActive).toBe(false);
  expect(await settle(register(1))).toMatchObject({ errorCode: ErrorCode.NOT_CONTROLLER, brokerEpoch: -1 });
  expect(await settle(beat(1))).toMatchObject({ errorCode: ErrorCode.NOT_CONTROLLER, isFenced: true });
  const altered = controller.alterPartitions({ brokerId: 1, brokerEpoch: 1, topics: [] });
  expect(await settle(altered)).toEqual({ errorCode: ErrorCode.NOT_CONTROLLER, topics: [] });
  expect(await settle(controller.allocateProducerIds(1, 1))).toMatchObject({ errorCode: ErrorCode.NOT_CONTROLLER });
  const created = controller.createTopics([TOPIC], DEFAULTS, { validateOnly: false });
  await expect(settle(created)).rejects.toThrow(NotControllerError);
});

test('brokers enter, serve and get producer ids of their own', async () => {
  const { controller, image, settle, register, beat } = open();
  controller.activate();
  await settle(controller.bootstrap(new Map([['metadata.version', 25]])));
  const first = await settle(register(1));
  expect(first).toMatchObject({ errorCode: 0, brokerEpoch: 101 });
  expect(await settle(beat(1, false, 100))).toMatchObject({ isFenced: true, isCaughtUp: false });
  expect(await settle(beat(1))).toMatchObject({ isFenced: false, isCaughtUp: true });
  expect(image.isActive(1)).toBe(true);
  const ids = await settle(Promise.all([controller.allocateProducerIds(1, 101), controller.allocateProducerIds(1)]));
  expect(ids).toEqual([0, 1000].map((at) => ({ errorCode: 0, first: at, count: 1000 })));
  expect(await settle(controller.allocateProducerIds(1, 7))).toMatchObject({ errorCode: ErrorCode.STALE_BROKER_EPOCH });
  expect(await settle(controller.allocateProducerIds(9, -1))).toMatchObject({
    errorCode: ErrorCode.STALE_BROKER_EPOCH,
  });
});

test('decisions are made one after another, each on what came of the one before', async () => {
  const { controller, image, settle } = open();
  addBroker(image, 1);
  addBroker(image, 2);
  controller.activate();
  const twice = [1, 2].map(() => controller.createTopics([TOPIC], DEFAULTS, { validateOnly: false }));
  const codes = (await settle(Promise.all(twice))).map(([topic]) => topic!.errorCode);
  expect(codes).toEqual([0, ErrorCode.TOPIC_ALREADY_EXISTS]);
});

test('a term that ends refuses what waits and what was on its way', async () => {
  const { controller, image, settle, lose, batches } = open();
  addBroker(image, 1);
  addBroker(image, 2);
  controller.activate();
  const onItsWay = controller.createTopics([TOPIC], DEFAULTS, { validateOnly: false });
  const waits = controller.deleteTopics([{ name: 't', topicId: idOf(0) }]);
  const both = Promise.allSettled([onItsWay, waits]);
  lose();
  controller.deactivate();
  controller.activate();
  const outcomes = await settle(both);
  expect(outcomes.map((each) => each.status === 'rejected' && each.reason instanceof NotControllerError)).toEqual([
    true,
    true,
  ]);
  expect(batches).toEqual([]);
});

test('C44 C46 a silent broker is fenced when its session is over, and others lead', async () => {
  const { world, controller, image, pass, batches, problems } = open();
  for (const id of [1, 2, 3]) addBroker(image, id);
  addTopic(image, 't', [{ replicas: [1, 2, 3] }, { replicas: [2, 3] }]);
  controller.activate();
  await pass(8999, [2, 3]);
  expect(batches).toEqual([]);
  await pass(9020, [2, 3]);
  expect(image.brokers.get(1)!.isFenced).toBe(true);
  expect(leadership(image, 't')).toEqual([
    [2, 6, [2, 3]],
    [2, 5, [2, 3]],
  ]);
  expect(problems).toEqual(['broker 1 is fenced: its session is over']);
  controller.deactivate();
  await world.run({ untilTimeMs: 60_000 });
  expect(image.brokers.get(2)!.isFenced).toBe(false);
});

test('a controller that stood still gives everybody a new session', async () => {
  const { world, process, controller, image, batches, problems } = open();
  for (const id of [1, 2]) addBroker(image, id);
  addTopic(image, 't', [{ replicas: [1, 2] }]);
  controller.activate();
  world.after(1000, () => process.pause());
  world.after(61_000, () => process.resume());
  await world.run({ untilTimeMs: 69_000 });
  expect(batches).toEqual([]);
  expect(problems).toEqual(['the controller stood still: every broker gets a new session']);
  await world.run({ untilTimeMs: 72_000 });
  expect([1, 2].map((id) => image.brokers.get(id)!.isFenced)).toEqual([true, true]);
  expect(leadership(image, 't')).toEqual([[NO_LEADER, 7, [2]]]);
});

test('only a life that was heard of in this term keeps others out of its id', async () => {
  const { world, controller, image, settle, register, beat } = open();
  addBroker(image, 1, { brokerEpoch: 50 });
  controller.activate();
  // The image's life was not heard of: this node restarted.
  expect(await settle(register(1, 11))).toMatchObject({ errorCode: 0 });
  expect(await settle(register(1, 12))).toMatchObject({ errorCode: ErrorCode.DUPLICATE_BROKER_REGISTRATION });
  await world.run({ untilTimeMs: 10_000 });
  expect(await settle(register(1, 12))).toMatchObject({ errorCode: 0 });
  await settle(beat(1));
  expect(await settle(beat(1, true))).toMatchObject({ shouldShutDown: true });
  expect(await settle(register(1, 13))).toMatchObject({ errorCode: 0 });
});

test('KIP-841: a broker that wants to stop waits until the others know who leads', async () => {
  const { controller, image, settle, beat } = open();
  for (const id of [1, 2]) addBroker(image, id, { brokerEpoch: 10 });
  addTopic(image, 't', [{ replicas: [1, 2] }]);
  controller.activate();
  expect(await settle(beat(1, true))).toMatchObject({ errorCode: 0, isFenced: false, shouldShutDown: false });
  expect(leadership(image, 't')).toEqual([[2, 6, [2]]]);
  await settle(beat(2, false, 100));
  expect(await settle(beat(1, true))).toMatchObject({ shouldShutDown: false });
  await settle(beat(2, false, 101));
  expect(await settle(beat(1, true))).toMatchObject({ isFenced: true, shouldShutDown: true });
  expect(image.brokers.get(1)!.isFenced).toBe(true);
});

test('an unclean election that a setting allows later is held at once, or at the next look', async () => {
  const { world, controller, image, settle, batches } = open({
    brokerSessionTimeoutMs: Number.POSITIVE_INFINITY,
    uncleanLeaderElectionIntervalMs: 300_000,
  });
  addBroker(image, 1, { fenced: true });
  addBroker(image, 2);
  for (const name of ['t', 'u']) addTopic(image, name, [{ replicas: [1, 2], isr: [1], leader: NO_LEADER }]);
  controller.activate();
  const change = { name: 'unclean.leader.election.enable', operation: 0, value: 'true' };
  const resource = { resourceType: 2, resourceName: 't', changes: [change] };
  await settle(controller.alterConfigs([resource], 'incremental', { validateOnly: false }));
  expect(leadership(image, 't')).toEqual([[2, 6, [2]]]);
  expect(leadership(image, 'u')).toEqual([[NO_LEADER, 5, [1]]]);
  replay(image, [
    { kind: 'config', resourceType: 2, resourceName: 'u', name: 'unclean.leader.election.enable', value: 'true' },
  ]);
  const before = batches.length;
  await world.run({ untilTimeMs: 299_000 });
  expect(batches).toHaveLength(before);
  await world.run({ untilTimeMs: 301_000 });
  expect(leadership(image, 'u')).toEqual([[2, 6, [2]]]);
});

test("the brokers' setting allows unclean elections of topics that say nothing", async () => {
  const { controller, image, settle, beat } = open({}, { 'unclean.leader.election.enable': 'true' });
  for (const id of [1, 2]) addBroker(image, id, { fenced: id === 2, brokerEpoch: 10 });
  addTopic(image, 't', [{ replicas: [1, 2], isr: [1], leader: NO_LEADER }]);
  addBroker(image, 1, { fenced: true });
  controller.activate();
  await settle(beat(2));
  expect(leadership(image, 't')).toEqual([[2, 6, [2]]]);
  expect(image.topics.get('t')!.partitions[0]!.leaderRecoveryState).toBe(1);
});

test('leaders are balanced from time to time', async () => {
  const { world, controller, image } = open({
    brokerSessionTimeoutMs: Number.POSITIVE_INFINITY,
    leaderImbalanceCheckIntervalMs: 300_000,
  });
  for (const id of [1, 2]) addBroker(image, id);
  addTopic(image, 't', [{ replicas: [1, 2], leader: 2 }]);
  controller.activate();
  await world.run({ untilTimeMs: 299_000 });
  expect(leadership(image, 't')[0]![0]).toBe(2);
  await world.run({ untilTimeMs: 301_000 });
  expect(leadership(image, 't')[0]![0]).toBe(1);
  replay(image, [{ kind: 'partitionChange', partitionId: 0, topicId: image.topics.get('t')!.topicId, leader: 2 }]);
  await world.run({ untilTimeMs: 601_000 });
  expect(leadership(image, 't')[0]![0]).toBe(1);
});

test('NoOp records come while nothing else is written, and only if they are wanted', async () => {
  const { world, controller, batches, settle, register } = open({ metadataMaxIdleIntervalMs: 500 });
  controller.activate();
  await world.run({ untilTimeMs: 450 });
  await settle(register(1));
  await world.run({ untilTimeMs: 900 });
  expect(batches.flat().map(({ kind }) => kind)).toEqual(['registerBroker']);
  await world.run({ untilTimeMs: 2100 });
  expect(batches.flat().map(({ kind }) => kind)).toEqual(['registerBroker', 'noOp', 'noOp', 'noOp']);
  controller.deactivate();
  await world.run({ untilTimeMs: 9000 });
  expect(batches).toHaveLength(4);
  const quiet = open();
  quiet.controller.activate();
  await quiet.world.run({ untilTimeMs: 9000 });
  expect(quiet.batches).toEqual([]);
});

test('what one batch cannot hold is committed in several; the epoch of a broker is the offset of its record nevertheless', async () => {
  const { controller, image, batches, settle, register } = open();
  for (const id of [1, 2]) addBroker(image, id, { brokerEpoch: 10 });
  addTopic(
    image,
    't',
    Array.from({ length: 10_001 }, () => ({ replicas: [1, 2] })),
  );
  controller.activate();
  const registered = register(1, 11);
  // Asked for in the midst of it: it is decided afterwards.
  const created = controller.createTopics([{ ...TOPIC, name: 'u' }], DEFAULTS, { validateOnly: false });
  expect(await settle(registered)).toMatchObject({ errorCode: 0, brokerEpoch: 10_100 });
  await settle(created);
  expect(batches.map((batch) => batch.length)).toEqual([10_000, 2, 2]);
  expect(leadership(image, 't').every(([leader]) => leader === 2)).toBe(true);
});

test('more decisions than a working controller ever has waiting are refused', async () => {
  const { controller, image, settle } = open();
  addBroker(image, 1);
  controller.activate();
  const waiting = Array.from({ length: PENDING_DECISIONS_MAX }, () => controller.allocateProducerIds(1));
  expect(await settle(controller.allocateProducerIds(1))).toMatchObject({ errorCode: ErrorCode.NOT_CONTROLLER });
  expect((await settle(Promise.all(waiting))).every(({ errorCode }) => errorCode === 0)).toBe(true);
  expect(await settle(controller.allocateProducerIds(1))).toMatchObject({ errorCode: 0 });
});
