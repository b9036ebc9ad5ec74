import { decodeMetadataRecord } from '../../controller/records/metadata-record.ts';
import { decodeConsumerGroupRecord } from '../../groups/consumer-group-records.ts';
import { decodeGroupRecord } from '../../groups/records.ts';
import { decodeShareGroupRecord } from '../../groups/share-group-records.ts';
import { decodeShareRecord } from '../../shares/records.ts';
import { decodeTransactionRecord } from '../../transactions/records.ts';

/** What the records of the internal topics say. */
export type RecordDecoder = (key: Buffer | null, value: Buffer | null) => Record<string, unknown>;

export const DECODERS = {
  offsets: (key, value) => {
    if (key === null) return { problem: 'a record without a key' };
    const group = decodeConsumerGroupRecord(key, value) ?? decodeShareGroupRecord(key, value);
    return { record: group ?? decodeGroupRecord(key, value) };
  },
  'transaction-log': (key, value) =>
    key === null ? { problem: 'a record without a key' } : { record: decodeTransactionRecord(key, value) },
  'share-group-state': (key, value) =>
    key === null ? { problem: 'a record without a key' } : { record: decodeShareRecord(key, value) },
  'cluster-metadata': (_, value) =>
    value === null ? { problem: 'a record without a value' } : { record: decodeMetadataRecord(value) },
} as const satisfies Record<string, RecordDecoder>;

export type DecoderName = keyof typeof DECODERS;

const TOPICS: Readonly<Record<string, DecoderName>> = {
  __consumer_offsets: 'offsets',
  __transaction_state: 'transaction-log',
  __share_group_state: 'share-group-state',
  __cluster_metadata: 'cluster-metadata',
};

/** The decoder of a folder's topic; null for a topic of the user's. */
export function decoderOfFolder(folder: string): RecordDecoder | null {
  const name = TOPICS[folder.replace(/-\d+$/, '')];
  return name === undefined ? null : DECODERS[name];
}
