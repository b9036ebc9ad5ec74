import { describe, expect, test } from 'vitest';
import type { SimProcess } from '../ports/sim/process.ts';
import { SimWorld } from '../ports/sim/world.ts';
import { Vote } from '../protocol/messages/52-vote.ts';
import type { RequestInput, RequestOf } from '../protocol/schema.ts';
import { ElectionStateFile } from './election-state-file.ts';
import { MetadataQuorum } from './metadata-quorum.ts';
import { SIM_SETTINGS, SimCluster } from './test/sim-cluster.ts';
import { Ledger, TestMachine } from './test/test-machine.ts';

/** What is answered is on the device: the power fails at the moment of the answer, with every outcome that a disk may leave. */
const SEEDS = Array.from({ length: 12 }, (_, index) => index + 1);

function voter(process: SimProcess): MetadataQuorum {
  const { clock, random, files } = process.ports;
  const quorum = MetadataQuorum.open({
    clock,
    random,
    files,
    logDir: '/',
    isClean: false,
    nodeId: 1,
    clusterId: 'cluster',
    directoryId: 'AAAAAAAAAAAAAAAAAAAABQ',
    voters: [1, 2, 3].map((nodeId) => ({ nodeId, address: { host: `n${nodeId}`, port: 9093 } })),
    settings: { ...SIM_SETTINGS, electionTimeoutMs: 10_000 },
    send: () => Promise.reject(new Error('nobody is there')),
    stateMachine: new TestMachine(new Ledger()),
    onProblem: () => {},
    onFatal: (error) => {
      throw error;
    },
  });
  quorum.start();
  return quorum;
}

function voteOf(candidate: number, epoch: number, preVote = false): RequestOf<typeof Vote> {
  const partition = {
    partitionIndex: 0,
    replicaEpoch: epoch,
    replicaId: candidate,
    lastOffsetEpoch: 0,
    lastOffset: 0,
    preVote,
  };
  const message: RequestInput<typeof Vote> = {
    clusterId: 'cluster',
    voterId: 1,
    topics: [{ topicName: '__cluster_metadata', partitions: [partition] }],
  };
  return Vote.request.decode(2, Vote.request.encode(2, message));
}

describe('when the power fails', () => {
  test.each(SEEDS)('a vote that was answered is kept (seed %i)', async (seed) => {
    const world = new SimWorld({ seed, flushLatencyMs: [1, 20] });
    const process = world.process('n1');
    const quorum = voter(process);
    const { topics } = await world.settle(quorum.vote(voteOf(2, 5)));
    expect(topics[0]!.partitions[0]).toMatchObject({ errorCode: 0, leaderEpoch: 5, voteGranted: true });
    world.powerCut(['n1']);
    const { files } = { files: process.restart().files };
    const state = new ElectionStateFile(files, '/__cluster_metadata-0', 'cluster', [1, 2, 3]).read();
    expect(state).toEqual({ epoch: 5, leaderId: -1, votedId: 2 });
    const again = voter(process);
    const other = await world.settle(again.vote(voteOf(3, 5)));
    expect(other.topics[0]!.partitions[0]).toMatchObject({ errorCode: 0, leaderEpoch: 5, voteGranted: false });
    const same = await world.settle(again.vote(voteOf(2, 5)));
    expect(same.topics[0]!.partitions[0]).toMatchObject({ voteGranted: true });
  });

  test('a vote before the vote changes nothing on the device', async () => {
    const world = new SimWorld({ seed: 1 });
    const process = world.process('n1');
    const quorum = voter(process);
    const { topics } = await world.settle(quorum.vote(voteOf(2, 0, true)));
    expect(topics[0]!.partitions[0]).toMatchObject({ errorCode: 0, leaderEpoch: 0, voteGranted: true });
    expect(process.ports.files.exists('/__cluster_metadata-0/quorum-state')).toBe(false);
  });

  test.each(SEEDS)('an append that was answered is kept (seed %i)', async (seed) => {
    const cluster = new SimCluster({ seed, voters: 3, observers: 1 });
    for (const { process } of cluster.all) process.disk.flushLatencyMs = [1, 20];
    await cluster.run(5000, () => cluster.leader !== undefined);
    for (let count = 1; count <= 5; count++) {
      cluster.propose();
      await cluster.run(cluster.world.timeMs + 2000, () => cluster.acknowledged.length >= count);
    }
    expect(cluster.acknowledged).toHaveLength(5);
    cluster.world.powerCut(cluster.all.map(({ process }) => process.name));
    cluster.heal();
    // The harness compares the log of each new leader with what was acknowledged.
    expect(await cluster.run(cluster.world.timeMs + 5000, () => cluster.leader !== undefined)).toBe(true);
  });
});
