import { Reader } from '../../protocol/reader.ts';
import {
  array,
  bytes,
  int32,
  type Message,
  type MessageInput,
  type MessageOf,
  message,
  string,
} from '../../protocol/schema.ts';
import { WireError } from '../../protocol/wire-error.ts';
import { Writer } from '../../protocol/writer.ts';
import { groupByTopic, type TopicPartition } from './topic-partition.ts';

/**
 * What members of a classic consumer group say to each other through the coordinator, who does not look inside (protocol type `consumer`):
 * a subscription in JoinGroup's metadata, an assignment in SyncGroup.
 *
 *     version i16 │ fields of that version │ whatever newer versions append (skipped)
 *
 * Subscription v1 adds the owned partitions (KIP-429), v2 the generation (KIP-792), v3 the rack (KIP-881). A reader takes a version above its own as its own.
 */
const VERSION_MAX = 3;

const topicPartitions = { topic: string(), partitions: array(int32()) };

const Subscription = message(
  'ConsumerProtocolSubscription',
  { versions: '0-3', flexible: 'none' },
  {
    topics: array(string()),
    userData: bytes('0+', { nullable: '0+', default: null }),
    ownedPartitions: array(topicPartitions, '1+'),
    generationId: int32('2+', { default: -1 }),
    rackId: string('3+', { nullable: '3+', default: null }),
  },
);

const Assignment = message(
  'ConsumerProtocolAssignment',
  { versions: '0-3', flexible: 'none' },
  {
    assignedPartitions: array(topicPartitions),
    userData: bytes('0+', { nullable: '0+', default: null }),
  },
);

export interface MemberMetadata {
  readonly topics: readonly string[];
  readonly userData: Buffer | null;
  readonly ownedPartitions: readonly TopicPartition[];
  /** The generation in which they are owned; −1 when not said. */
  readonly generation: number;
  readonly rackId: string | null;
}

export function encodeSubscription(metadata: MemberMetadata, version = VERSION_MAX): Buffer {
  return encode(Subscription, version, {
    topics: [...metadata.topics].sort(),
    userData: metadata.userData,
    ownedPartitions: wireForm(metadata.ownedPartitions),
    generationId: metadata.generation,
    rackId: metadata.rackId,
  });
}

/** Throws WireError. */
export function decodeSubscription(buffer: Buffer): MemberMetadata {
  const { reader, version } = open(buffer);
  const value = readSubscription(reader, version);
  return {
    topics: value.topics,
    userData: value.userData,
    ownedPartitions: listForm(value.ownedPartitions),
    generation: value.generationId,
    rackId: value.rackId,
  };
}

/** Some clients say version 1 and stop where version 0 ends. */
function readSubscription(reader: Reader, version: number): MessageOf<typeof Subscription> {
  const { position } = reader;
  try {
    return Subscription.read(reader, version);
  } catch (error) {
    if (!(error instanceof WireError) || version === 0) throw error;
    reader.position = position;
    return Subscription.read(reader, 0);
  }
}

export function encodeAssignment(partitions: readonly TopicPartition[], userData: Buffer | null = null): Buffer {
  return encode(Assignment, VERSION_MAX, { assignedPartitions: wireForm(partitions), userData });
}

/** No bytes mean no partitions: so says a coordinator whose leader left a member out. Throws WireError. */
export function decodeAssignment(buffer: Buffer): readonly TopicPartition[] {
  if (buffer.length === 0) return [];
  const { reader, version } = open(buffer);
  return listForm(Assignment.read(reader, version).assignedPartitions);
}

// biome-ignore lint/suspicious/noExplicitAny: either of the two messages above
function encode<M extends Message<any>>(type: M, version: number, value: MessageInput<M>): Buffer {
  const writer = new Writer();
  writer.int16(version);
  type.write(writer, version, value);
  return writer.toBuffer();
}

function open(buffer: Buffer): { reader: Reader; version: number } {
  const reader = new Reader(buffer);
  const version = reader.int16();
  if (version < 0) throw new WireError(`consumer protocol version ${version}`);
  return { reader, version: Math.min(version, VERSION_MAX) };
}

function wireForm(partitions: readonly TopicPartition[]): { topic: string; partitions: number[] }[] {
  return [...groupByTopic(partitions)].map(([topic, group]) => ({ topic, partitions: group.map((p) => p.partition) }));
}

function listForm(topics: readonly { topic: string; partitions: number[] }[]): TopicPartition[] {
  return topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
}
