/**
 * A broker that keeps nothing: it answers every produce at once with success. What a load generator reaches against it is the generator's own
 * ceiling, which belongs beside every figure that it measured of a real broker.
 *
 * A process of its own. Argument: the number of partitions that each topic shall have. Prints one line `ready HOST:PORT`.
 */
import { realClock } from '@mqlab/core/ports/real/clock.ts';
import { realNetwork } from '@mqlab/core/ports/real/network.ts';
import { ErrorCode } from '@mqlab/core/protocol/errors.ts';
import { readRequestHeader, requestHeaderVersion } from '@mqlab/core/protocol/header.ts';
import { Produce } from '@mqlab/core/protocol/messages/00-produce.ts';
import { Fetch } from '@mqlab/core/protocol/messages/01-fetch.ts';
import { Metadata } from '@mqlab/core/protocol/messages/03-metadata.ts';
import { ApiVersions } from '@mqlab/core/protocol/messages/18-api-versions.ts';
import { InitProducerId } from '@mqlab/core/protocol/messages/22-init-producer-id.ts';
import { Reader } from '@mqlab/core/protocol/reader.ts';
import { batchBytesAt, RecordBatch } from '@mqlab/core/protocol/record-batch.ts';
import type { Api, RequestOf, ResponseInput } from '@mqlab/core/protocol/schema.ts';
import { encodeResponse } from '@mqlab/core/rpc/request-codec.ts';
import { type Reply, ServerConnection } from '@mqlab/core/rpc/server-connection.ts';

const partitions = Number(process.argv[2] ?? '1');
const NODE_ID = 1;
const nextOffsets = new Map<string, number>();
let nextProducerId = 0;
let port = 0;

/** Topic names as ids: the sink knows no topic until somebody asks for it. */
function produce(request: RequestOf<typeof Produce>): ResponseInput<typeof Produce> {
  return {
    responses: request.topicData.map((topic) => ({
      name: topic.name,
      topicId: topic.topicId,
      partitionResponses: topic.partitionData.map((partition) => {
        const key = `${topic.name}${topic.topicId}/${partition.index}`;
        const baseOffset = nextOffsets.get(key) ?? 0;
        let records = 0;
        const bytes = partition.records;
        for (let at = 0; bytes !== null && at < bytes.length; at += batchBytesAt(bytes, at)) {
          records += new RecordBatch(bytes, at).recordCount;
        }
        nextOffsets.set(key, baseOffset + records);
        return { index: partition.index, errorCode: ErrorCode.NONE, baseOffset };
      }),
    })),
  };
}

function metadata(request: RequestOf<typeof Metadata>): ResponseInput<typeof Metadata> {
  return {
    brokers: [{ nodeId: NODE_ID, host: '127.0.0.1', port, rack: null }],
    clusterId: 'null-sink',
    controllerId: NODE_ID,
    topics: (request.topics ?? []).map((topic) => ({
      errorCode: ErrorCode.NONE,
      name: topic.name,
      topicId: Buffer.from((topic.name ?? '').padEnd(16, '.').slice(0, 16)).toString('base64url'),
      isInternal: false,
      partitions: Array.from({ length: partitions }, (_, partitionIndex) => ({
        errorCode: ErrorCode.NONE,
        partitionIndex,
        leaderId: NODE_ID,
        leaderEpoch: 0,
        replicaNodes: [NODE_ID],
        isrNodes: [NODE_ID],
        offlineReplicas: [],
      })),
    })),
  };
}

/** Fetch is only advertised: clients that do not see it write the record format of before 0.11. */
const apis: readonly Api[] = [Produce, Fetch, Metadata, ApiVersions, InitProducerId] as unknown as readonly Api[];

function handle(frame: Buffer): Reply {
  const reader = new Reader(frame);
  const apiOf = (key: number): Api | undefined => apis.find((each) => each.key === key);
  const { apiKey, apiVersion, correlationId } = readRequestHeader(reader, (key, version) => {
    const known = apiOf(key);
    return known && requestHeaderVersion(known, version);
  });
  const api = apiOf(apiKey);
  if (api === undefined) return { kind: 'close', reason: `the null sink has no API ${apiKey}` };
  if (api.key === Fetch.key) return { kind: 'close', reason: 'the null sink keeps nothing to fetch' };
  const request = api.request.read(reader, apiVersion);
  const answer = (body: unknown): Reply => ({
    kind: 'send',
    parts: encodeResponse(api, apiVersion, correlationId, body as never),
  });
  switch (apiKey) {
    case ApiVersions.key:
      return answer({
        errorCode: ErrorCode.NONE,
        apiKeys: apis.map((each) => ({
          apiKey: each.key,
          minVersion: each.request.versionMin,
          maxVersion: each.request.versionMax,
        })),
      } satisfies ResponseInput<typeof ApiVersions>);
    case Metadata.key:
      return answer(metadata(request as unknown as RequestOf<typeof Metadata>));
    case InitProducerId.key:
      return answer({
        errorCode: ErrorCode.NONE,
        producerId: nextProducerId++,
        producerEpoch: 0,
      } satisfies ResponseInput<typeof InitProducerId>);
    default: {
      const produceRequest = request as unknown as RequestOf<typeof Produce>;
      const body = produce(produceRequest);
      return produceRequest.acks === 0 ? { kind: 'nothing' } : answer(body);
    }
  }
}

const clock = realClock();
let connections = 0;
const listener = await realNetwork().listen({ host: '127.0.0.1', port: 0 }, (connection) => {
  new ServerConnection(
    ++connections,
    connection,
    clock,
    { frameBytesMax: 100 * 1024 * 1024, idleMsMax: -1, sendQueueBytesMax: 1 << 20 },
    handle,
    { onClose: (_connection, reason) => process.stderr.write(`${reason}\n`) },
  );
});
port = listener.address.port;
process.stdout.write(`ready 127.0.0.1:${port}\n`);
process.on('SIGTERM', () => process.exit(0));
