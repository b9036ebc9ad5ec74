import { expect, test } from 'vitest';
import type { Address } from '../ports/network.ts';
import type { SimProcess } from '../ports/sim/process.ts';
import { SimWorld } from '../ports/sim/world.ts';
import { readRequestHeader, requestHeaderVersion } from '../protocol/header.ts';
import { Fetch } from '../protocol/messages/01-fetch.ts';
import { ApiVersions } from '../protocol/messages/18-api-versions.ts';
import { Vote } from '../protocol/messages/52-vote.ts';
import { BeginQuorumEpoch } from '../protocol/messages/53-begin-quorum-epoch.ts';
import { EndQuorumEpoch } from '../protocol/messages/54-end-quorum-epoch.ts';
import { FetchSnapshot } from '../protocol/messages/59-fetch-snapshot.ts';
import { Reader } from '../protocol/reader.ts';
import type { ResponseInput } from '../protocol/schema.ts';
import { NodeLinks } from '../rpc/node-links.ts';
import { type AnyApi, encodeResponse } from '../rpc/request-codec.ts';
import { type Reply, ServerConnection } from '../rpc/server-connection.ts';
import { MetadataQuorum } from './metadata-quorum.ts';
import { DEFAULT_QUORUM_SETTINGS } from './quorum-settings.ts';
import { Ledger, TestMachine } from './test/test-machine.ts';

/** Three voters and an observer as they are in a cluster: connections of `rpc/` over the simulated network, Kafka's own time limits. */
const APIS: readonly AnyApi[] = [Fetch, Vote, BeginQuorumEpoch, EndQuorumEpoch, FetchSnapshot];
const LIMITS = { frameBytesMax: 10_000_000, idleMsMax: -1, sendQueueBytesMax: 1_000_000 };
const VOTERS = [1, 2, 3].map((nodeId) => ({ nodeId, address: { host: `n${nodeId}`, port: 9093 } as Address }));

interface Node {
  readonly id: number;
  readonly process: SimProcess;
  readonly quorum: MetadataQuorum;
  readonly machine: TestMachine;
}

function start(world: SimWorld, id: number, ledger: Ledger): Node {
  const process = world.process(`n${id}`);
  const { clock, random, files, network } = process.ports;
  const addressOf = (nodeId: number) => VOTERS.find((voter) => voter.nodeId === nodeId)?.address ?? null;
  const links = new NodeLinks({ clock, random, network }, { addressOf });
  const machine = new TestMachine(ledger, `n${id}`);
  const quorum = MetadataQuorum.open({
    clock,
    random,
    files,
    logDir: '/',
    isClean: false,
    nodeId: id,
    clusterId: 'cluster',
    directoryId: 'bXFsYWItZGlyZWN0b3J5MQ',
    voters: VOTERS,
    settings: {
      ...DEFAULT_QUORUM_SETTINGS,
      recordBytesBetweenSnapshotsMax: 4000,
      logSegmentBytes: 2000,
      retentionMaxBytes: 10_000,
    },
    send: (nodeId, api, body, options) => links.send(nodeId, api, body, options),
    stateMachine: machine,
    onProblem: () => {},
    onFatal: (error) => {
      throw error;
    },
  });
  process.spawn(async () => {
    await network.listen({ host: `n${id}`, port: 9093 }, (connection) => {
      new ServerConnection(0, connection, clock, LIMITS, (frame) => serve(quorum, frame), { onClose: () => {} });
    });
    quorum.start();
  });
  return { id, process, quorum, machine };
}

function serve(quorum: MetadataQuorum, frame: Buffer): Reply | Promise<Reply> {
  const reader = new Reader(frame);
  const known = [...APIS, ApiVersions as AnyApi];
  const apiOf = (key: number) => known.find((api) => api.key === key)!;
  const header = readRequestHeader(reader, (key, version) => requestHeaderVersion(apiOf(key), version));
  const api = apiOf(header.apiKey);
  const reply = (body: ResponseInput<AnyApi>): Reply => ({
    kind: 'send',
    parts: encodeResponse(api, header.apiVersion, header.correlationId, body),
  });
  const request = api.request.read(reader, header.apiVersion) as never;
  switch (api) {
    case Fetch:
      return quorum.fetch(request).then(reply);
    case Vote:
      return quorum.vote(request).then(reply);
    case BeginQuorumEpoch:
      return quorum.beginQuorumEpoch(request).then(reply);
    case EndQuorumEpoch:
      return quorum.endQuorumEpoch(request).then(reply);
    case FetchSnapshot:
      return quorum.fetchSnapshot(request).then(reply);
    default: {
      const apiKeys = known.map(({ key, request: { versionMin, versionMax } }) => ({
        apiKey: key,
        minVersion: versionMin,
        maxVersion: versionMax,
      }));
      return reply({ errorCode: 0, apiKeys });
    }
  }
}

test('elects, replicates, survives the death of its leader, and brings up a node that comes late by a snapshot', async () => {
  const world = new SimWorld({ seed: 42 });
  const ledger = new Ledger();
  let nodes = VOTERS.map(({ nodeId }) => start(world, nodeId, ledger));
  const until = async (isTrue: () => boolean, ms: number) => {
    const before = world.timeMs;
    await world.run({ until: isTrue, untilTimeMs: before + ms });
    expect(isTrue()).toBe(true);
    return world.timeMs - before;
  };
  const leader = () => nodes.find(({ process, quorum }) => process.alive && quorum.isLeader);
  await until(() => leader() !== undefined, 5000);
  const append = (text: string) => world.settle(leader()!.quorum.append([Buffer.from(text.padEnd(60))]));
  // A round trip and two devices, not a poll interval.
  const before = world.timeMs;
  await append('first');
  expect(world.timeMs - before).toBeLessThan(20);
  for (let index = 0; index < 150; index++) await append(`value ${index}`);
  const first = leader()!;
  expect(first.quorum.logStartOffset).toBeGreaterThan(0);
  expect(first.quorum.describe()).toMatchObject({
    isLeader: true,
    leaderId: first.id,
    voters: [{}, {}, {}],
    observers: [],
  });

  const late = start(world, 101, ledger);
  await until(() => late.quorum.lastAppliedOffset === first.quorum.highWatermark, 5000);
  expect(late.machine.resets).toBe(1);
  expect(late.machine.digest).toBe(first.machine.digest);
  const observed = () => first.quorum.describe().observers[0]?.logEndOffset;
  await until(() => observed() === first.quorum.logEndOffset, 2000);

  first.process.crash();
  const downMs = await until(() => leader() !== undefined, 10_000);
  expect(downMs).toBeLessThan(6000);
  await append('after the crash');
  first.process.restart();
  nodes = nodes.map((node) => (node.id === first.id ? start(world, node.id, ledger) : node));
  const end = leader()!.quorum;
  const all = () => [...nodes, late].every(({ quorum }) => quorum.lastAppliedOffset === end.highWatermark);
  await until(all, 5000);
  expect(new Set([...nodes, late].map(({ machine }) => machine.digest)).size).toBe(1);
});

test('a leader that ends cleanly hands over within a few round trips', async () => {
  const world = new SimWorld({ seed: 43 });
  const nodes = VOTERS.map(({ nodeId }) => start(world, nodeId, new Ledger()));
  const leader = () => nodes.find(({ quorum }) => quorum.isLeader);
  await world.run({ until: () => leader() !== undefined, untilTimeMs: 5000 });
  const first = leader()!;
  await world.settle(first.quorum.append([Buffer.from('x')]));
  const before = world.timeMs;
  await world.settle(first.quorum.close());
  first.process.crash();
  await world.run({ until: () => leader() !== undefined, untilTimeMs: before + 5000 });
  expect(leader()).toBeDefined();
  expect(world.timeMs - before).toBeLessThan(1000);
});

test('requests for another cluster, topic or voter are refused by their codes', async () => {
  const world = new SimWorld({ seed: 44 });
  const [node] = VOTERS.map(({ nodeId }) => start(world, nodeId, new Ledger()));
  const { quorum } = node!;
  const partition = { partitionIndex: 0, replicaEpoch: 9, replicaId: 2, lastOffsetEpoch: 0, lastOffset: 0 };
  const vote = async (fields: object) => {
    const body = { topics: [{ topicName: '__cluster_metadata', partitions: [partition] }], ...fields };
    return world.settle(quorum.vote(Vote.request.decode(1, Vote.request.encode(1, body))));
  };
  expect(await vote({ clusterId: 'another' })).toMatchObject({ errorCode: 104 });
  expect(await vote({ topics: [{ topicName: 'orders', partitions: [partition] }] })).toMatchObject({ errorCode: 42 });
  expect(await vote({ topics: [] })).toMatchObject({ errorCode: 42 });
  const meant = await vote({ voterId: 3 });
  expect(meant).toMatchObject({ errorCode: 0, topics: [{ partitions: [{ errorCode: 125, voteGranted: false }] }] });
  const fetch = (version: number, topic: string, topicId: string) => {
    const asked = { partition: 0, fetchOffset: 0, partitionMaxBytes: 1000, currentLeaderEpoch: 0, lastFetchedEpoch: 0 };
    const topics = [{ topic, topicId, partitions: [asked] }];
    const body = { maxWaitMs: 0, minBytes: 0, sessionId: 0, isolationLevel: 0, topics };
    return world.settle(quorum.fetch(Fetch.request.decode(version, Fetch.request.encode(version, body))));
  };
  expect(await fetch(17, '', 'bXFsYWItZGlyZWN0b3J5MQ')).toMatchObject({ errorCode: 42, responses: [] });
  // An old consumer has no epoch of its log to name.
  expect(await fetch(11, '__cluster_metadata', '')).toMatchObject({ responses: [{ partitions: [{ errorCode: 42 }] }] });
  const answer = await fetch(17, '', 'AAAAAAAAAAAAAAAAAAAAAQ');
  expect(answer.responses[0]!.partitions[0]!.errorCode).not.toBe(42);
});
