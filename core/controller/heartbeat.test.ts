import { expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import { fenceBroker, type Heartbeat, type HeartbeatContext, heartbeat } from './heartbeat-decisions.ts';
import { Heartbeats } from './heartbeats.ts';
import { type ClusterImage, NO_LEADER } from './image.ts';
import { addBroker, addTopic, cluster, idOf, leadership, NEVER, replay } from './testing.ts';

const CONTEXT: HeartbeatContext = { lowestActiveOffset: 1000, shutdownOffset: null, isContinued: false };

/** Of broker 1, which has applied offset 101: its registration. */
function beat(image: ClusterImage, change: Partial<Heartbeat> = {}, context: Partial<HeartbeatContext> = {}) {
  const request = {
    brokerId: 1,
    brokerEpoch: 101,
    currentMetadataOffset: 101,
    wantFence: false,
    wantShutDown: false,
    offlineLogDirs: [],
    ...change,
  };
  const { records, response } = heartbeat(image, NEVER, request, { ...CONTEXT, ...context });
  replay(image, records);
  const broker = image.brokers.get(1);
  const state = `${broker?.isFenced ? 'fenced' : 'unfenced'}${broker?.isInControlledShutdown ? ' stopping' : ''}`;
  return { ...response, state, records: records.length };
}

function withBroker(shape: Parameters<typeof addBroker>[2]): ClusterImage {
  const image = cluster(0);
  addBroker(image, 1, shape);
  return image;
}

test('only the life that is registered is heard', () => {
  const image = cluster(1);
  expect(beat(image, { brokerId: 9 }).errorCode).toBe(ErrorCode.BROKER_ID_NOT_REGISTERED);
  expect(beat(image, { brokerEpoch: 100 })).toMatchObject({
    errorCode: ErrorCode.STALE_BROKER_EPOCH,
    isFenced: true,
    records: 0,
  });
  expect(beat(image)).toMatchObject({ errorCode: 0, isFenced: false, isCaughtUp: true, records: 0 });
});

test('a fenced broker is unfenced once it wants to be and knows of its registration', () => {
  const image = withBroker({ fenced: true });
  addTopic(image, 't', [{ replicas: [1], leader: NO_LEADER }]);
  const fenced = { isFenced: true, state: 'fenced', records: 0 };
  expect(beat(image, { currentMetadataOffset: 100 })).toMatchObject({ ...fenced, isCaughtUp: false });
  expect(beat(image, { wantFence: true })).toMatchObject({ ...fenced, isCaughtUp: true });
  expect(beat(image)).toMatchObject({ isFenced: false, state: 'unfenced', records: 2 });
  expect(leadership(image, 't')).toEqual([[1, 6, [1]]]);
});

test('a life that began to stop and was fenced does not serve again', () => {
  const image = withBroker({ fenced: true, inControlledShutdown: true });
  expect(beat(image)).toMatchObject({ isFenced: true, shouldShutDown: false, records: 0 });
  expect(beat(image, { wantShutDown: true })).toMatchObject({ isFenced: true, shouldShutDown: true });
});

test('a broker that wants to be fenced leads nothing any more', () => {
  const image = cluster(2);
  addTopic(image, 't', [{ replicas: [1, 2] }]);
  expect(beat(image, { wantFence: true })).toMatchObject({ isFenced: true, shouldShutDown: false, state: 'fenced' });
  expect(leadership(image, 't')).toEqual([[2, 6, [2]]]);
});

test('KIP-841: a broker stops once nobody needs it and all know that', () => {
  const image = cluster(3);
  addTopic(image, 't', [{ replicas: [1, 2] }, { replicas: [1] }, { replicas: [3, 1] }]);
  const stopping = { isFenced: false, shouldShutDown: false, state: 'unfenced stopping' };
  expect(beat(image, { wantShutDown: true })).toMatchObject(stopping);
  expect(leadership(image, 't')).toEqual([
    [2, 6, [2]],
    [NO_LEADER, 6, [1]],
    [3, 5, [3]],
  ]);
  // Where its leaderships went is not known to everybody yet, or this controller does not know when it will be.
  const wantShutDown = true;
  expect(beat(image, { wantShutDown }, { shutdownOffset: 200, lowestActiveOffset: 199 })).toMatchObject(stopping);
  expect(beat(image, { wantShutDown }, { shutdownOffset: null })).toMatchObject(stopping);
  expect(beat(image, { wantShutDown }, { shutdownOffset: 200, lowestActiveOffset: 200 })).toMatchObject({
    isFenced: true,
    shouldShutDown: true,
    state: 'fenced stopping',
  });
});

test('a broker that leads nothing, or does not want to wait, stops at once', () => {
  const image = cluster(2);
  addTopic(image, 't', [{ replicas: [2, 1] }]);
  expect(beat(image, { wantShutDown: true })).toMatchObject({ shouldShutDown: true, state: 'fenced' });
  expect(leadership(image, 't')).toEqual([[2, 5, [2]]]);
  const other = cluster(2);
  addTopic(other, 't', [{ replicas: [1, 2] }]);
  expect(beat(other, { wantShutDown: true, wantFence: true })).toMatchObject({ shouldShutDown: true, state: 'fenced' });
  expect(leadership(other, 't')).toEqual([[2, 6, [2]]]);
});

test('KIP-858: log dirs that failed lose their leaderships, the others stay', () => {
  const image = cluster(2);
  addBroker(image, 1, { logDirs: [idOf(101), idOf(111)] });
  const onSecond = [idOf(111), idOf(102)];
  addTopic(image, 't', [
    { replicas: [1, 2] },
    { replicas: [1, 2], directories: onSecond },
    { replicas: [1], directories: onSecond },
  ]);
  expect(beat(image, { offlineLogDirs: [idOf(111), idOf(999)] })).toMatchObject({ isFenced: false, state: 'unfenced' });
  expect(image.brokers.get(1)!.logDirs).toEqual([idOf(101)]);
  expect(leadership(image, 't')).toEqual([
    [1, 5, [1, 2]],
    [2, 6, [2]],
    [NO_LEADER, 6, [1]],
  ]);
  expect(beat(image, { offlineLogDirs: [idOf(111)] }).records).toBe(0);
});

test('a silent broker is fenced, once', () => {
  const image = cluster(2);
  addTopic(image, 't', [{ replicas: [1, 2] }]);
  const { records } = fenceBroker(image, NEVER, 1);
  expect(records.at(-1)).toMatchObject({ kind: 'brokerRegistrationChange', brokerId: 1, fenced: 1 });
  replay(image, records);
  expect(leadership(image, 't')).toEqual([[2, 6, [2]]]);
  expect(fenceBroker(image, NEVER, 1).records).toEqual([]);
});

test('more leaderships than one batch may hold move in several; a leader is never fenced meanwhile', () => {
  const image = cluster(2);
  addTopic(
    image,
    't',
    Array.from({ length: 10_001 }, () => ({ replicas: [1, 2] })),
  );
  const first = fenceBroker(image, NEVER, 1);
  expect(first).toMatchObject({ isPartial: true });
  expect(first.records).toHaveLength(10_000);
  replay(image, first.records);
  expect(image.brokers.get(1)!.isFenced).toBe(false);
  const second = fenceBroker(image, NEVER, 1);
  expect(second.isPartial).toBeUndefined();
  expect(second.records).toHaveLength(2);
  replay(image, second.records);
  expect(leadership(image, 't').every(([leader]) => leader === 2)).toBe(true);
});

test('who becomes active gives everybody a session; only who was heard since has a rival refused', () => {
  const image = cluster(2);
  const heartbeats = new Heartbeats(9000);
  heartbeats.activate(image, 1000, null);
  expect(heartbeats.hasSession(1, 1000)).toBe(false);
  heartbeats.heard(1, 101, 4000);
  expect(heartbeats.hasSession(1, 12_999)).toBe(true);
  expect(heartbeats.hasSession(1, 13_000)).toBe(false);
  expect(heartbeats.nextExpiryMs(image, 5000)).toBe(10_000);
  expect(heartbeats.silentBroker(image, 9999)).toBeNull();
  expect(heartbeats.silentBroker(image, 10_000)).toBe(2);
  addBroker(image, 2, { fenced: true });
  expect(heartbeats.silentBroker(image, 10_000)).toBeNull();
  expect(heartbeats.nextExpiryMs(image, 10_000)).toBe(13_000);
  heartbeats.renewAll(13_000);
  expect(heartbeats.silentBroker(image, 21_999)).toBeNull();
  expect(heartbeats.silentBroker(image, 22_000)).toBe(1);
  heartbeats.forget(1);
  expect(heartbeats.hasSession(1, 13_000)).toBe(false);
});

test('the session of the controller before this one goes on from when it was heard of last, and leaves it time to be heard', () => {
  const image = cluster(3);
  const expiryAfter = (heardMs: number): readonly [number | null, number | null] => {
    const heartbeats = new Heartbeats(9000);
    heartbeats.activate(image, 20_000, { nodeId: 2, heardMs });
    expect(heartbeats.hasSession(2, 20_000)).toBe(false);
    const expiryMs = heartbeats.nextExpiryMs(image, 20_000);
    expect(heartbeats.silentBroker(image, expiryMs - 1)).toBeNull();
    expect(heartbeats.silentBroker(image, expiryMs)).toBe(expiryMs < 29_000 ? 2 : 1);
    heartbeats.heard(2, 102, 22_000);
    return [expiryMs, heartbeats.silentBroker(image, 28_999)];
  };
  expect(expiryAfter(19_500)).toEqual([28_500, null]);
  expect(expiryAfter(10_000)).toEqual([23_000, null]);
  expect(expiryAfter(20_000)).toEqual([29_000, null]);
  // The node before was no broker.
  const heartbeats = new Heartbeats(9000);
  heartbeats.activate(image, 20_000, { nodeId: 101, heardMs: 10_000 });
  expect(heartbeats.nextExpiryMs(image, 20_000)).toBe(29_000);
});

test('how far all active brokers are: those that are fenced or about to stop do not count, those that were not heard yet hold it up', () => {
  const image = cluster(4);
  addBroker(image, 3, { fenced: true });
  addBroker(image, 4, { inControlledShutdown: true });
  const heartbeats = new Heartbeats(9000);
  heartbeats.activate(image, 0, null);
  heartbeats.applied(1, 50);
  expect(heartbeats.lowestActiveOffset(image)).toBe(-1);
  heartbeats.applied(2, 40);
  expect(heartbeats.lowestActiveOffset(image)).toBe(40);
  expect(heartbeats.lowestActiveOffset(cluster(0))).toBe(Number.POSITIVE_INFINITY);
});
