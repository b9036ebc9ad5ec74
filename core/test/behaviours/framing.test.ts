// C1–C7: frames, headers, versions, and who may speak when. Numbers are those of the list of behaviours in the project's notes on Kafka's surface.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Produce } from '../../protocol/messages/00-produce.ts';
import { Fetch } from '../../protocol/messages/01-fetch.ts';
import { Metadata } from '../../protocol/messages/03-metadata.ts';
import { OffsetFetch } from '../../protocol/messages/09-offset-fetch.ts';
import { ApiVersions } from '../../protocol/messages/18-api-versions.ts';
import { DescribeConfigs } from '../../protocol/messages/32-describe-configs.ts';
import { decodeResponse } from '../../rpc/request-codec.ts';
import { type ForeignBroker, freshName, startBroker } from '../foreign/harness.ts';
import {
  batchOf,
  createTopic,
  fetchBody,
  findCoordinator,
  framed,
  headerBytes,
  produceBody,
  requestBytes,
  Wire,
} from './wire.ts';

const software = { clientSoftwareName: 'wire', clientSoftwareVersion: '1.0' };

describe('framing', () => {
  let broker: ForeignBroker;
  let wire: Wire;

  beforeAll(async () => {
    broker = await startBroker();
    wire = await Wire.open(broker);
  });
  afterAll(async () => {
    wire?.close();
    await broker?.dispose();
  });

  test('C1 an ApiVersions version that is not supported: the answer is v0 with 35 and the range, its body is not read', async () => {
    for (const version of [5, 99, 0x7fff]) {
      const other = await Wire.open(broker);
      other.write(framed(headerBytes(ApiVersions.key, version), Buffer.from('\0no body')));
      const answer = decodeResponse(ApiVersions, 0, await other.frame());
      expect(answer).toEqual({
        ...answer,
        errorCode: 35,
        apiKeys: [{ apiKey: ApiVersions.key, minVersion: 0, maxVersion: 4 }],
      });
      // The client tries again on the same connection.
      expect((await other.ask(ApiVersions, 4, software)).errorCode).toBe(0);
      other.close();
    }
  });

  test('C2 the response header of ApiVersions is v0 at every version, and what is offered are the ranges of the surface', async () => {
    for (const version of [0, 1, 2, 3, 4]) {
      const { errorCode, apiKeys } = await wire.ask(ApiVersions, version, software);
      expect(errorCode).toBe(0);
      const range = (key: number) => apiKeys.find(({ apiKey }) => apiKey === key);
      expect(range(0)).toEqual({ apiKey: 0, minVersion: 0, maxVersion: 13 });
      expect(range(1)).toEqual({ apiKey: 1, minVersion: 4, maxVersion: 18 });
      expect(range(18)).toEqual({ apiKey: 18, minVersion: 0, maxVersion: 4 });
      for (const never of [4, 5, 6, 7]) expect(range(never)).toBeUndefined();
    }
  });

  test('C3 flexible versions have header 2 and response header 1, the others 1 and 0', async () => {
    // `ask` writes and reads exactly these headers; a byte too many or too few would not decode.
    for (const version of [0, 1, 4, 8, 9, 12, 13]) {
      const { brokers } = await wire.ask(Metadata, version, { topics: [] });
      expect(brokers).toHaveLength(1);
    }
  });

  test('C4 null and empty differ, and unknown tagged fields are skipped', async () => {
    const topic = freshName('c4');
    await createTopic(wire, topic);
    const empty = await wire.ask(Metadata, 9, { topics: [] });
    expect(empty.topics).toEqual([]);
    const all = await wire.ask(Metadata, 9, { topics: null });
    expect(all.topics.map(({ name }) => name)).toContain(topic);
    const configs = async (configurationKeys: string[] | null) => {
      const resources = [{ resourceType: 2, resourceName: topic, configurationKeys }];
      return (await wire.ask(DescribeConfigs, 4, { resources })).results[0]!.configs.length;
    };
    expect(await configs(null)).toBeGreaterThan(20);
    expect(await configs(['retention.ms'])).toBe(1);
    const group = freshName('c4-group');
    await findCoordinator(wire, group);
    const offsets = async (topics: { name: string; partitionIndexes: number[] }[] | null) =>
      (await wire.ask(OffsetFetch, 7, { groupId: group, topics })).topics.length;
    expect(await offsets(null)).toBe(0);
    expect(await offsets([{ name: topic, partitionIndexes: [0] }])).toBe(1);

    // Metadata v9 again, now with an unknown tag 93 in the header and another behind the body.
    const [frame] = requestBytes(Metadata, 9, { topics: [] }, 77);
    const plain = frame!.subarray(4);
    const tag = Buffer.from([1, 93, 2, 0xab, 0xcd]);
    const headerEnd = 8 + 2 + 'wire'.length; // then the header's empty tag section
    wire.write(framed(plain.subarray(0, headerEnd), tag, plain.subarray(headerEnd + 1, -1), tag));
    expect(decodeResponse(Metadata, 9, await wire.frame()).brokers).toHaveLength(1);
  });

  test('C5 a client name or version that does not match the pattern: 42, and the connection stays', async () => {
    for (const bad of ['', '-wire', 'wi re', 'wire.', 'ünï']) {
      const name = await wire.ask(ApiVersions, 3, { clientSoftwareName: bad, clientSoftwareVersion: '1' });
      expect([bad, name.errorCode]).toEqual([bad, 42]);
      const version = await wire.ask(ApiVersions, 4, { clientSoftwareName: 'wire', clientSoftwareVersion: bad });
      expect([bad, version.errorCode]).toEqual([bad, 42]);
    }
    for (const good of ['a', 'wire-2.0', '0']) {
      const { errorCode } = await wire.ask(ApiVersions, 3, { clientSoftwareName: good, clientSoftwareVersion: good });
      expect([good, errorCode]).toEqual([good, 0]);
    }
  });

  test('C6 any other unknown key or version closes the connection, and nobody else is disturbed', async () => {
    for (const [key, version] of [
      [999, 0],
      [-1, 0],
      [Metadata.key, 14],
      [Metadata.key, -1],
      [Fetch.key, 3],
      [Produce.key, 2],
      [4, 0],
    ] as const) {
      const other = await Wire.open(broker);
      other.write(framed(headerBytes(key, version), Buffer.alloc(20)));
      expect(await other.isClosedBy(), `key ${key} version ${version}`).toBe(true);
      other.close();
    }
    expect((await wire.ask(ApiVersions, 4, software)).errorCode).toBe(0);
  });

  test('C7 requests of one connection are answered in order, also behind a parked fetch', async () => {
    const topic = freshName('c7');
    await createTopic(wire, topic);
    const other = await Wire.open(broker);
    const parked = other.send(Fetch, 12, fetchBody([{ topic, offset: 0 }], { maxWaitMs: 10_000, minBytes: 1 }));
    const behind = other.send(ApiVersions, 4, software);
    const produced = await wire.ask(Produce, 9, produceBody(topic, batchOf(['a'])));
    expect(produced.responses[0]!.partitionResponses[0]!.errorCode).toBe(0);
    const { responses } = await parked();
    expect(responses[0]!.partitions[0]!.records!.length).toBeGreaterThan(0);
    expect((await behind()).errorCode).toBe(0);
    other.close();
  });
});
