import { Reader } from '../../protocol/reader.ts';
import type { MessageInput, MessageOf } from '../../protocol/schema.ts';
import { Writer } from '../../protocol/writer.ts';
import { RegisterBrokerRecord } from './00-register-broker.ts';
import { UnregisterBrokerRecord } from './01-unregister-broker.ts';
import { TopicRecord } from './02-topic.ts';
import { PartitionRecord } from './03-partition.ts';
import { ConfigRecord } from './04-config.ts';
import { PartitionChangeRecord } from './05-partition-change.ts';
import { FenceBrokerRecord } from './07-fence-broker.ts';
import { UnfenceBrokerRecord } from './08-unfence-broker.ts';
import { RemoveTopicRecord } from './09-remove-topic.ts';
import { UserScramCredentialRecord } from './11-user-scram-credential.ts';
import { FeatureLevelRecord } from './12-feature-level.ts';
import { ClientQuotaRecord } from './14-client-quota.ts';
import { ProducerIdsRecord } from './15-producer-ids.ts';
import { BrokerRegistrationChangeRecord } from './17-broker-registration-change.ts';
import { NoOpRecord } from './20-no-op.ts';
import { RemoveUserScramCredentialRecord } from './22-remove-user-scram-credential.ts';
import { RegisterControllerRecord } from './27-register-controller.ts';

/**
 * The value of a record of `__cluster_metadata`:
 *
 *     frame version uvarint = 1 │ record type uvarint │ record version uvarint │ message
 *
 * Types that are not in this table decode to null: a log that a newer controller wrote can still be listed, and who replays it decides.
 */
const FRAME_VERSION = 1;

/** `version` is the one that is written; it belongs to the metadata.version that this controller finalizes. */
const TYPES = {
  registerBroker: { type: 0, version: 3, message: RegisterBrokerRecord },
  unregisterBroker: { type: 1, version: 0, message: UnregisterBrokerRecord },
  topic: { type: 2, version: 0, message: TopicRecord },
  partition: { type: 3, version: 2, message: PartitionRecord },
  config: { type: 4, version: 0, message: ConfigRecord },
  partitionChange: { type: 5, version: 2, message: PartitionChangeRecord },
  fenceBroker: { type: 7, version: 0, message: FenceBrokerRecord },
  unfenceBroker: { type: 8, version: 0, message: UnfenceBrokerRecord },
  removeTopic: { type: 9, version: 0, message: RemoveTopicRecord },
  userScramCredential: { type: 11, version: 0, message: UserScramCredentialRecord },
  featureLevel: { type: 12, version: 0, message: FeatureLevelRecord },
  clientQuota: { type: 14, version: 0, message: ClientQuotaRecord },
  producerIds: { type: 15, version: 0, message: ProducerIdsRecord },
  brokerRegistrationChange: { type: 17, version: 2, message: BrokerRegistrationChangeRecord },
  noOp: { type: 20, version: 0, message: NoOpRecord },
  removeUserScramCredential: { type: 22, version: 0, message: RemoveUserScramCredentialRecord },
  registerController: { type: 27, version: 0, message: RegisterControllerRecord },
} as const;

type Kind = keyof typeof TYPES;

/** What a decision makes: fields with defaults may be left out. */
export type NewMetadataRecord = {
  [K in Kind]: { readonly kind: K } & Readonly<MessageInput<(typeof TYPES)[K]['message']>>;
}[Kind];

/** What replay takes. */
export type MetadataRecord = {
  [K in Kind]: { readonly kind: K } & Readonly<MessageOf<(typeof TYPES)[K]['message']>>;
}[Kind];

const KIND_BY_TYPE: ReadonlyMap<number, Kind> = new Map(
  (Object.keys(TYPES) as Kind[]).map((kind) => [TYPES[kind].type, kind]),
);

export function encodeMetadataRecord(record: NewMetadataRecord): Buffer {
  const { type, version, message } = TYPES[record.kind];
  const writer = new Writer(128);
  writer.unsignedVarint(FRAME_VERSION);
  writer.unsignedVarint(type);
  writer.unsignedVarint(version);
  (message as { write(writer: Writer, version: number, value: unknown): void }).write(writer, version, record);
  return writer.toBuffer();
}

/** Throws WireError on bytes that are no metadata record. */
export function decodeMetadataRecord(value: Buffer): MetadataRecord | null {
  const reader = new Reader(value);
  reader.unsignedVarint();
  const kind = KIND_BY_TYPE.get(reader.unsignedVarint());
  if (kind === undefined) return null;
  const version = reader.unsignedVarint();
  return { kind, ...TYPES[kind].message.read(reader, version) } as MetadataRecord;
}
