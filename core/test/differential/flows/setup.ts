// Steps that only prepare, and small bodies that many flows need.
import { Produce } from '../../../protocol/messages/00-produce.ts';
import { ListOffsets } from '../../../protocol/messages/02-list-offsets.ts';
import { Metadata } from '../../../protocol/messages/03-metadata.ts';
import { OffsetFetch } from '../../../protocol/messages/09-offset-fetch.ts';
import { FindCoordinator } from '../../../protocol/messages/10-find-coordinator.ts';
import { CreateTopics } from '../../../protocol/messages/19-create-topics.ts';
import { InitProducerId } from '../../../protocol/messages/22-init-producer-id.ts';
import { type BatchOptions, buildBatch, type RecordInput } from '../../../protocol/record-batch-builder.ts';
import { type Step, step } from '../flow.ts';

/** Of every record whose time nobody asks for: the same on both brokers, and fixed. */
export const timestamp = 1_600_000_000_000;
export const UNKNOWN_ID = 'AAAAAAAAAAAAAAAAAAAAEg';

/** A topic whose partitions are led; its id is kept as `vars[name]`. */
export function topic(name: string, partitionCount = 1, configs: Readonly<Record<string, string>> = {}): Step[] {
  const entries = Object.entries(configs).map(([key, value]) => ({ name: key, value }));
  const partitions = Array.from({ length: partitionCount }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1 }));
  return [
    step(
      CreateTopics,
      7,
      {
        topics: [{ name, numPartitions: partitionCount, replicationFactor: 1, assignments: [], configs: entries }],
        timeoutMs: 10_000,
      },
      { isSetup: true },
    ),
    step(
      Metadata,
      12,
      { topics: [{ name }] },
      {
        isSetup: true,
        until: ({ topics }) => topics[0].errorCode === 0 && topics[0].partitions.length === partitionCount,
        save: ({ topics }, vars) => {
          vars[name] = topics[0].topicId;
        },
      },
    ),
    // The controller answers a moment before the broker leads.
    step(
      ListOffsets,
      7,
      { replicaId: -1, topics: [{ name, partitions }] },
      { isSetup: true, retried: [3, 5, 6, 74, 76, 100] },
    ),
  ];
}

/** A group's coordinator is there and has read its log. */
export function coordinator(group: string): Step[] {
  return [
    step(FindCoordinator, 4, { keyType: 0, coordinatorKeys: [group] }, { isSetup: true }),
    step(OffsetFetch, 8, { groups: [{ groupId: group, topics: null }] }, { isSetup: true }),
  ];
}

export function batch(values: readonly (string | RecordInput)[], options: BatchOptions = {}): Buffer {
  const records = values.map((each) =>
    typeof each === 'string' ? { timestamp, key: 'k', value: each } : { timestamp, ...each },
  );
  return buildBatch({ ...options, records });
}

/** Writes, in a version that names topics, and is not compared. */
export function write(name: string, records: Buffer, partition = 0): Step {
  return step(Produce, 9, produceBody(name, records, { index: partition }), { isSetup: true });
}

export function produceBody(
  name: string,
  records: Buffer | null,
  { index = 0, acks = -1, transactionalId = null as string | null, topicId = undefined as string | undefined } = {},
) {
  return {
    transactionalId,
    acks,
    timeoutMs: 5000,
    topicData: [{ ...(topicId === undefined ? { name } : { topicId }), partitionData: [{ index, records }] }],
  };
}

/** The identity of a transactional id as `vars.pid` and `vars.epoch`. */
export function producer(transactionalId: string | null): Step[] {
  const found = { keyType: 1, coordinatorKeys: [transactionalId ?? ''] };
  return [
    ...(transactionalId === null ? [] : [step(FindCoordinator, 4, found, { isSetup: true })]),
    step(
      InitProducerId,
      5,
      { transactionalId, transactionTimeoutMs: 60_000, producerId: -1, producerEpoch: -1 },
      {
        isSetup: true,
        save: ({ producerId, producerEpoch }, vars) => {
          vars.pid = producerId;
          vars.epoch = producerEpoch;
        },
      },
    ),
  ];
}
