import { expect, test } from 'vitest';
import { readText } from '../log/checkpoint-files.ts';
import { Log } from '../log/log.ts';
import { DEFAULT_LOG_CONFIG } from '../log/log-config.ts';
import type { SimProcess } from '../ports/sim/process.ts';
import { SimWorld } from '../ports/sim/world.ts';
import { RecordBatchBuilder } from '../protocol/record-batch-builder.ts';
import { MetadataQuorum } from './metadata-quorum.ts';
import { NotLeaderError } from './pending-appends.ts';
import { DEFAULT_QUORUM_SETTINGS, type QuorumSettings } from './quorum-settings.ts';
import { Ledger, TestMachine } from './test/test-machine.ts';

/** One voter without a socket: what a broker is without any settings. */
const STATE = '/data/__cluster_metadata-0/quorum-state';

interface Sole {
  readonly quorum: MetadataQuorum;
  readonly machine: TestMachine;
  readonly problems: string[];
}

function open(
  process: SimProcess,
  ledger = new Ledger(),
  isClean = false,
  settings: Partial<QuorumSettings> = {},
): Sole {
  const { clock, random, files } = process.ports;
  const machine = new TestMachine(ledger);
  const problems: string[] = [];
  const quorum = MetadataQuorum.open({
    clock,
    random,
    files,
    logDir: '/data',
    isClean,
    nodeId: 7,
    clusterId: 'cluster',
    directoryId: 'AAAAAAAAAAAAAAAAAAAABQ',
    voters: [{ nodeId: 7, address: null }],
    settings: { ...DEFAULT_QUORUM_SETTINGS, ...settings },
    send: () => Promise.reject(new Error('there is nobody to send to')),
    stateMachine: machine,
    onProblem: (message) => problems.push(message),
    onFatal: (error) => {
      throw error;
    },
  });
  quorum.start();
  return { quorum, machine, problems };
}

const values = (...texts: string[]) => texts.map((text) => Buffer.from(text));

test('leads as soon as the disk has taken its state, and answers appends when they are applied', async () => {
  const world = new SimWorld({ seed: 1 });
  const { quorum, machine } = open(world.process('n'));
  expect(quorum.isLeader).toBe(false);
  await world.run({ until: () => quorum.isLeader });
  expect(world.timeMs).toBeLessThan(10);
  expect(machine.isLeader).toBe(true);
  expect(quorum.leader).toEqual({ leaderId: 7, epoch: 1 });
  expect(quorum.isVoter).toBe(true);
  expect(quorum.highWatermark).toBe(1); // The record that begins the epoch.
  const appended = await world.settle(quorum.append(values('a', 'b')));
  expect(appended.lastOffset).toBe(2);
  expect(machine.values.map(String)).toEqual(['a', 'b']);
  expect(quorum.lastAppliedOffset).toBe(3);
});

test('appends that come together share a flush, and keep their order', async () => {
  const world = new SimWorld({ seed: 2 });
  const process = world.process('n');
  const { quorum, machine } = open(process);
  await world.run({ until: () => quorum.isLeader });
  let flushes = 0;
  process.disk.intercept = (operation) => {
    if (operation.kind === 'flush' && operation.path.endsWith('.log')) flushes++;
    return undefined;
  };
  const texts = Array.from({ length: 50 }, (_, index) => `r${index}`);
  const done = await world.settle(Promise.all(texts.map((text) => quorum.append(values(text)))));
  expect(done.map(({ lastOffset }) => lastOffset)).toEqual(texts.map((_, index) => index + 1));
  expect(machine.values.map(String)).toEqual(texts);
  expect(flushes).toBeLessThanOrEqual(2);
});

test('after a power cut what was acknowledged is there, in a later epoch', async () => {
  const world = new SimWorld({ seed: 3 });
  const process = world.process('n');
  const ledger = new Ledger();
  const first = open(process, ledger);
  await world.run({ until: () => first.quorum.isLeader });
  await world.settle(first.quorum.append(values('kept')));
  first.quorum.append(values('unknown')).catch(() => {});
  world.powerCut(['n']);
  process.restart();
  const { quorum, machine } = open(process, ledger);
  await world.run({ until: () => quorum.isLeader });
  expect(machine.values.map(String)[0]).toBe('kept');
  expect(quorum.leader.epoch).toBe(2);
});

test('a clean end leaves nothing to recover, and rejects what comes later', async () => {
  const world = new SimWorld({ seed: 4 });
  const process = world.process('n');
  const ledger = new Ledger();
  const first = open(process, ledger);
  await world.run({ until: () => first.quorum.isLeader });
  await world.settle(first.quorum.append(values('a')));
  await world.settle(first.quorum.close());
  const late = first.quorum.append(values('b'));
  await expect(world.settle(late)).rejects.toBeInstanceOf(NotLeaderError);
  await expect(first.quorum.whenApplied(100)).rejects.toThrow('closed');
  const { quorum, machine, problems } = open(process, ledger, true);
  await world.settle(quorum.whenApplied(3));
  expect(machine.values.map(String)).toEqual(['a']);
  expect(problems).toEqual([]);
});

test('the state file is what Kafka writes for static voters', async () => {
  const world = new SimWorld({ seed: 5 });
  const process = world.process('n');
  const { quorum } = open(process);
  await world.run({ until: () => quorum.isLeader });
  expect(readText(process.ports.files, STATE)).toBe(
    '{"clusterId":"","leaderId":7,"leaderEpoch":1,"votedId":7,"appliedOffset":0,"currentVoters":[{"voterId":7}],"data_version":0}',
  );
});

test.each([
  ['{"leaderId":', /quorum-state cannot be used: it is no JSON/],
  ['[]', /data_version is undefined/],
  ['{"data_version":1,"leaderEpoch":3}', /data_version is 1, not 0/],
  ['{"data_version":0,"leaderId":7,"leaderEpoch":-3,"votedId":-1,"currentVoters":[]}', /leaderEpoch is -3/],
  ['{"data_version":0,"leaderId":7,"leaderEpoch":3,"votedId":"x","currentVoters":[]}', /votedId is "x"/],
  ['{"data_version":0,"leaderId":7,"leaderEpoch":3,"votedId":-1}', /no currentVoters/],
  [
    '{"data_version":0,"leaderId":7,"leaderEpoch":3,"votedId":-1,"currentVoters":[{"voterId":1},{"voterId":2}]}',
    /its voters are 1, 2, and those of the settings 7/,
  ],
])('a state file %s is refused with its name and the cause', async (text, message) => {
  const world = new SimWorld({ seed: 6 });
  const process = world.process('n');
  process.ports.files.makeDirectory('/data/__cluster_metadata-0');
  process.ports.files.open(STATE, 'create').append([Buffer.from(text)]);
  expect(() => open(process)).toThrow(message);
  expect(() => open(process)).toThrow(STATE);
});

test('a folder that has no state file, from before there was a quorum, opens with all its records', async () => {
  const world = new SimWorld({ seed: 7 });
  const process = world.process('n');
  const { clock, random, files } = process.ports;
  const log = new Log({
    files,
    clock,
    random,
    directory: '/data/__cluster_metadata-0',
    topic: '__cluster_metadata',
    partition: 0,
    config: DEFAULT_LOG_CONFIG,
    isClean: false,
    recoveryPoint: 0,
    logStartOffset: 0,
    highWatermark: 0,
    onProblem: () => {},
  });
  for (const text of ['one', 'two']) {
    const builder = new RecordBatchBuilder({});
    builder.append(clock.now(), null, Buffer.from(text));
    log.append(builder.build(), 1, 'raftLeader');
  }
  await world.settle(log.close());
  const { quorum, machine } = open(process, new Ledger(), true);
  await world.run({ until: () => quorum.isLeader });
  expect(machine.values).toHaveLength(2);
  expect(quorum.leader).toEqual({ leaderId: 7, epoch: 2 });
  await world.settle(quorum.append(values('x')));
});

test('snapshots by bytes: the log before the oldest goes, the state comes back from the newest', async () => {
  const world = new SimWorld({ seed: 8 });
  const process = world.process('n');
  const ledger = new Ledger();
  const settings = { recordBytesBetweenSnapshotsMax: 3000, retentionMaxBytes: 12_000, logSegmentBytes: 2000 };
  const first = open(process, ledger, false, settings);
  await world.run({ until: () => first.quorum.isLeader });
  for (let index = 0; index < 100; index++)
    await world.settle(first.quorum.append(values(`value ${index}`.padEnd(40))));
  expect(first.quorum.logStartOffset).toBeGreaterThan(0);
  const names = process.ports.files.list('/data/__cluster_metadata-0').map(({ name }) => name);
  const snapshots = names.filter((name) => /^\d{20}-\d{10}\.checkpoint$/.test(name));
  expect(snapshots.length).toBeGreaterThan(0);
  process.crash();
  process.restart();
  const { quorum, machine } = open(process, ledger, false, settings);
  await world.run({ until: () => quorum.isLeader });
  expect(machine.values.map((value) => String(value).trim())).toEqual(
    Array.from({ length: 100 }, (_, index) => `value ${index}`),
  );
  expect(machine.resets).toBe(1);
});

test('snapshots by time, only when something has changed', async () => {
  const world = new SimWorld({ seed: 9 });
  const process = world.process('n');
  const { quorum } = open(process, new Ledger(), false, { snapshotIntervalMaxMs: 60_000 });
  const count = () =>
    process.ports.files.list('/data/__cluster_metadata-0').filter(({ name }) => name.endsWith('.checkpoint')).length;
  await world.run({ untilTimeMs: 61_000 });
  expect(count()).toBe(0);
  await world.settle(quorum.append(values('a')));
  await world.run({ untilTimeMs: 121_000 });
  expect(count()).toBe(1);
  await world.run({ untilTimeMs: 241_000 });
  expect(count()).toBe(1);
});

test('a disk that fails ends the part of the node, and what waits is told', async () => {
  const world = new SimWorld({ seed: 10, onFailure: 'record' });
  const process = world.process('n');
  const fatal: unknown[] = [];
  const { clock, random, files } = process.ports;
  const machine = new TestMachine(new Ledger());
  const quorum = MetadataQuorum.open({
    clock,
    random,
    files,
    logDir: '/data',
    isClean: false,
    nodeId: 7,
    clusterId: 'cluster',
    directoryId: 'AAAAAAAAAAAAAAAAAAAABQ',
    voters: [{ nodeId: 7, address: null }],
    settings: DEFAULT_QUORUM_SETTINGS,
    send: () => Promise.reject(new Error('there is nobody to send to')),
    stateMachine: machine,
    onProblem: () => {},
    onFatal: (error) => fatal.push(error),
  });
  quorum.start();
  await world.run({ until: () => quorum.isLeader });
  process.disk.intercept = ({ kind }) => (kind === 'flush' ? { error: 'EIO' } : undefined);
  await expect(world.settle(quorum.append(values('a')))).rejects.toBeInstanceOf(NotLeaderError);
  expect(fatal).toHaveLength(1);
  expect(String(fatal[0])).toMatch(/EIO/);
  expect(quorum.isLeader).toBe(false);
  await quorum.close();
});
