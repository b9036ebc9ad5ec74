import { Reader } from '../protocol/reader.ts';
import { array, bytes, int32, message, string } from '../protocol/schema.ts';
import { WireError } from '../protocol/wire-error.ts';
import { Writer } from '../protocol/writer.ts';
import { listed, type TopicPartitions, type TopicsView, topicPartitionsOf } from './topic-partitions.ts';

/**
 * What members of the classic protocol send each other as opaque bytes, in the form that Kafka's consumers share (protocol type `consumer`): subscription and assignment,
 * each behind its version. The coordinator reads and writes it only where such members meet the consumer group protocol.
 */
const VERSION_MAX = 3;

const Subscription = message(
  'ConsumerProtocolSubscription',
  { versions: '0-3', flexible: 'none' },
  {
    topics: array(string()),
    userData: bytes('0+', { nullable: '0+', default: null }),
    ownedPartitions: array({ topic: string(), partitions: array(int32()) }, '1+'),
    generationId: int32('2+', { default: -1 }),
    rackId: string('3+', { nullable: '3+', default: null }),
  },
);

const Assignment = message(
  'ConsumerProtocolAssignment',
  { versions: '0-3', flexible: 'none' },
  {
    assignedPartitions: array({ topic: string(), partitions: array(int32()) }),
    userData: bytes('0+', { nullable: '0+', default: null }),
  },
);

export interface ConsumerSubscription {
  readonly version: number;
  readonly topics: readonly string[];
  readonly rackId: string | null;
  ownedIds(topics: TopicsView): TopicPartitions;
}

function idsOf(
  list: readonly { readonly topic: string; readonly partitions: readonly number[] }[],
  topics: TopicsView,
): TopicPartitions {
  return topicPartitionsOf(
    list.flatMap(({ topic, partitions }) => {
      const topicId = topics.byName(topic)?.topicId;
      return topicId === undefined ? [] : [{ topicId, partitions }];
    }),
  );
}

function read<T>(metadata: Buffer, decode: (reader: Reader, version: number) => T): T | null {
  try {
    const reader = new Reader(metadata);
    const version = reader.int16();
    return version < 0 ? null : decode(reader, Math.min(version, VERSION_MAX));
  } catch (error) {
    if (error instanceof WireError) return null;
    throw error;
  }
}

/** Null: these bytes are no subscription. */
export function parseSubscription(metadata: Buffer): ConsumerSubscription | null {
  return read(metadata, (reader, version) => {
    const { topics, rackId, ownedPartitions } = Subscription.read(reader, version);
    return { version, topics, rackId, ownedIds: (view) => idsOf(ownedPartitions, view) };
  });
}

/** Null: these bytes are no assignment. Topics that are gone are left out. */
export function parseAssignment(assignment: Buffer, topics: TopicsView): TopicPartitions | null {
  if (assignment.length === 0) return new Map();
  return read(assignment, (reader, version) => idsOf(Assignment.read(reader, version).assignedPartitions, topics));
}

export function encodeAssignment(
  partitions: Parameters<typeof listed>[0],
  topics: TopicsView,
  version: number,
): Buffer {
  const writer = new Writer(128);
  writer.int16(version);
  Assignment.write(writer, version, {
    assignedPartitions: listed(partitions).flatMap((each) => {
      const topic = topics.nameOf(each.topicId);
      return topic === undefined ? [] : [{ topic, partitions: each.partitions }];
    }),
  });
  return writer.toBuffer();
}
