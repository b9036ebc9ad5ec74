// Apache Kafka as the judge of the folder: its dump-log reads log and snapshots, its broker starts on what this quorum wrote, and this quorum on what Kafka left.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  decodeMetadataRecord,
  encodeMetadataRecord,
  type NewMetadataRecord,
} from '../controller/records/metadata-record.ts';
import { sleep } from '../ports/clock.ts';
import { realPorts } from '../ports/real/ports.ts';
import { type ApacheKafka, startApacheKafka } from '../test/foreign/apache-kafka.ts';
import { dumpLog, java, kafkaClasspath } from '../test/foreign/java.ts';
import { MetadataQuorum } from './metadata-quorum.ts';
import { DEFAULT_QUORUM_SETTINGS, type QuorumSettings } from './quorum-settings.ts';
import type { CommittedBatch, StateMachine } from './state-machine.ts';

const sample = fileURLToPath(new URL('../log/test/kafka-written/__cluster_metadata-0', import.meta.url));
const classpath = kafkaClasspath();
if ('missing' in classpath)
  console.log(`skipped: Apache Kafka's judgement of the metadata folder: ${classpath.missing}`);
const DIRECTORY = '__cluster_metadata-0';
const DIRECTORY_ID = 'bXFsYWItZGlyZWN0b3J5MQ';
const CLUSTER_ID = 'bXFsYWItcXVvcnVtLWp1ZA';
/** Snapshots early, so that the log no longer begins at 0. */
const SMALL = { logSegmentBytes: 1000, recordBytesBetweenSnapshotsMax: 900, retentionMaxBytes: 2500 };

class Records implements StateMachine {
  values: Buffer[] = [];
  isLeader = false;

  apply(batch: CommittedBatch): void {
    this.values.push(...batch.values);
  }

  reset(): void {
    this.values = [];
  }

  snapshot(): Iterable<Buffer> {
    return this.values;
  }

  leaderChanged(_leader: unknown, isLeader: boolean): void {
    this.isLeader = isLeader;
  }
}

async function open(logDir: string, settings: Partial<QuorumSettings> = {}) {
  const { clock, random, files } = realPorts();
  const machine = new Records();
  const quorum = MetadataQuorum.open({
    clock,
    random,
    files,
    logDir,
    isClean: false,
    nodeId: 1,
    clusterId: CLUSTER_ID,
    directoryId: DIRECTORY_ID,
    voters: [{ nodeId: 1, address: null }],
    settings: { ...DEFAULT_QUORUM_SETTINGS, ...settings },
    send: () => Promise.reject(new Error('there is nobody to send to')),
    stateMachine: machine,
    onProblem: (message) => expect.fail(message),
    onFatal: (error) => {
      throw error;
    },
  });
  quorum.start();
  while (!quorum.isLeader) await sleep(clock, 5);
  return { quorum, machine };
}

const topicId = (index: number): string => Buffer.from(`topic id ${String(index).padStart(7)}`).toString('base64url');

function topic(index: number): NewMetadataRecord[] {
  return [
    { kind: 'topic', name: `topic-${index}`, topicId: topicId(index) },
    {
      kind: 'partition',
      partitionId: 0,
      topicId: topicId(index),
      replicas: [1],
      isr: [1],
      removingReplicas: [],
      addingReplicas: [],
      leader: 1,
      leaderEpoch: 0,
      partitionEpoch: 0,
      directories: ['AAAAAAAAAAAAAAAAAAAAAA'],
    },
  ];
}

const TOPICS = 20;

async function writeFolder(logDir: string): Promise<void> {
  const { quorum } = await open(logDir, SMALL);
  await quorum.append([encodeMetadataRecord({ kind: 'featureLevel', name: 'metadata.version', featureLevel: 25 })]);
  for (let index = 0; index < TOPICS; index++) await quorum.append(topic(index).map(encodeMetadataRecord));
  expect(quorum.logStartOffset).toBeGreaterThan(0);
  await quorum.close();
}

function filesOf(logDir: string, name: RegExp): string[] {
  const directory = join(logDir, DIRECTORY);
  return readdirSync(directory)
    .filter((each) => name.test(each))
    .map((each) => join(directory, each));
}

describe.skipIf('missing' in classpath)('Apache Kafka', { timeout: 120_000 }, () => {
  const root = mkdtempSync(join(tmpdir(), 'mqlab-quorum-'));
  const logDir = join(root, 'ours');
  let kafka: ApacheKafka | undefined;

  beforeAll(async () => {
    mkdirSync(logDir);
    await writeFolder(logDir);
    const meta = `version=1\ncluster.id=${CLUSTER_ID}\nnode.id=1\ndirectory.id=${DIRECTORY_ID}\n`;
    writeFileSync(join(logDir, 'meta.properties'), meta);
  });
  afterAll(async () => {
    await kafka?.dispose();
    rmSync(root, { recursive: true, force: true });
  });

  test('its dump-log reads the log and the snapshots, and knows every record', async () => {
    const logs = filesOf(logDir, /^\d{20}\.log$/);
    const checkpoints = filesOf(logDir, /\.checkpoint$/);
    expect(checkpoints.length).toBeGreaterThan(0);
    for (const file of [logs.at(-1)!, checkpoints.at(-1)!]) {
      const { stdout, complaints } = await dumpLog([file], '--cluster-metadata-decoder');
      // Of a snapshot it also says what its name says.
      const forgiven = /^(\| offset|Snapshot end offset: \d+, epoch: 1$)/;
      expect(complaints.filter((line) => !forgiven.test(line))).toEqual([]);
      expect(stdout).toMatch(/"type":"TOPIC_RECORD"/);
      if (file.endsWith('.checkpoint')) {
        expect(stdout).toMatch(/SnapshotHeader/);
        expect(stdout).toMatch(/SnapshotFooter/);
      }
    }
  });

  test('its broker starts on the folder, and has the topics', async () => {
    kafka = await startApacheKafka({ 'node.id': 1 }, logDir);
    const { stdout, code } = await java('topics', ['--bootstrap-server', kafka.bootstrap, '--list'], '', 60_000);
    expect(code).toBe(0);
    const names = stdout.split('\n').filter((line) => line.startsWith('topic-'));
    expect(names.length).toBe(TOPICS);
    const state = JSON.parse(readFileSync(join(kafka.dataDir, DIRECTORY, 'quorum-state'), 'utf8'));
    expect(state).toMatchObject({ leaderId: 1, leaderEpoch: 2, currentVoters: [{ voterId: 1 }], data_version: 0 });
  });

  test('this quorum goes on with what its broker left', async () => {
    const copy = join(root, 'theirs');
    cpSync(join(kafka!.dataDir, DIRECTORY), join(copy, DIRECTORY), { recursive: true });
    const { quorum, machine } = await open(copy);
    expect(quorum.leader).toEqual({ leaderId: 1, epoch: 3 });
    const names = machine.values.flatMap((value) => {
      const record = decodeMetadataRecord(value);
      return record?.kind === 'topic' ? [record.name] : [];
    });
    expect(new Set(names).size).toBe(TOPICS);
    await quorum.append([encodeMetadataRecord(topic(TOPICS)[0]!)]);
    await quorum.close();
  });
});

test('a metadata log that Apache Kafka wrote is read whole', async () => {
  const root = mkdtempSync(join(tmpdir(), 'mqlab-quorum-'));
  try {
    cpSync(sample, join(root, DIRECTORY), { recursive: true });
    const { quorum, machine } = await open(root);
    expect(machine.values.length).toBeGreaterThan(20);
    const kinds = machine.values.map((value) => decodeMetadataRecord(value)?.kind);
    expect(kinds).toEqual(
      expect.arrayContaining(['featureLevel', 'registerBroker', 'topic', 'partition', 'producerIds']),
    );
    await quorum.close();
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
