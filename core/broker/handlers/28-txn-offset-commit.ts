import { CONSUMER_OFFSETS_TOPIC } from '../../controller/topic-name.ts';
import type { OffsetToCommit } from '../../groups/offset-calls.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { TxnOffsetCommit } from '../../protocol/messages/28-txn-offset-commit.ts';
import type { RequestOf } from '../../protocol/schema.ts';
import { handlerOf } from '../handler.ts';
import type { BrokerServices } from '../services.ts';
import { writeErrorOf } from '../transactions/entering.ts';
import { isGood, isOpenIn } from '../transactions/verifications.ts';

/**
 * TxnOffsetCommit 0–5: a group's positions as part of a transaction: they show once it is committed. v3 names the member, so that a zombie of an earlier
 * generation is refused (KIP-447); v5 enters the group's partition by itself (KIP-890), older clients have sent AddOffsetsToTxn.
 */
const ABORTABLE_SINCE = 4;
const IMPLICIT_SINCE = 5;

export const txnOffsetCommitHandler = handlerOf(TxnOffsetCommit, async (broker, request, { apiVersion }) => {
  const topics = request.topics.map(({ name, partitions }) => {
    const count = broker.image.topics.get(name)?.partitions.length ?? 0;
    return {
      name,
      partitions: partitions.map((each) => ({
        ...each,
        errorCode:
          each.partitionIndex >= 0 && each.partitionIndex < count
            ? (ErrorCode.NONE as number)
            : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      })),
    };
  });
  const known = topics.flatMap(({ name, partitions }) =>
    partitions.filter((each) => each.errorCode === ErrorCode.NONE).map((each) => ({ name, each })),
  );
  if (known.length > 0) {
    const offsets = known.map(({ name, each }) => ({
      topic: name,
      partition: each.partitionIndex,
      offset: each.committedOffset,
      leaderEpoch: each.committedLeaderEpoch,
      metadata: each.committedMetadata ?? '',
    }));
    const codes = await commit(broker, request, offsets, apiVersion);
    known.forEach(({ each }, i) => {
      each.errorCode = codes[i]!;
    });
  }
  return {
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, errorCode }) => ({ partitionIndex, errorCode })),
    })),
  };
});

async function commit(
  broker: BrokerServices,
  request: RequestOf<typeof TxnOffsetCommit>,
  offsets: readonly OffsetToCommit[],
  apiVersion: number,
): Promise<readonly number[]> {
  const { transactionalId, groupId, producerId, producerEpoch, memberId, groupInstanceId, generationId } = request;
  const all = (errorCode: number): readonly number[] => offsets.map(() => errorCode);
  if (groupId === '') return all(ErrorCode.INVALID_GROUP_ID);
  const entersImplicitly = apiVersion >= IMPLICIT_SINCE;
  const abilities = { entersImplicitly, knowsAbortable: apiVersion >= ABORTABLE_SINCE };
  const producer = { producerId, producerEpoch };
  const member = { memberId, groupInstanceId, generationId };
  const store = () => broker.groups.offsets.commitTransactional(groupId, member, offsets, producer);
  const partition = broker.replicas.partition(CONSUMER_OFFSETS_TOPIC, broker.groups.partitionOf(groupId));
  if (partition?.check(-1) !== ErrorCode.NONE) return all(ErrorCode.NOT_COORDINATOR);
  if (isOpenIn(partition, producer)) return store();
  const found = broker.entering.lookUp(transactionalId, producer, partition);
  if (found === ErrorCode.NONE) return store();
  if (found !== null && !entersImplicitly) return all(toldOf(writeErrorOf(found, abilities)));
  const verification = broker.verifications.begin(partition, producerId);
  try {
    const asked = entersImplicitly
      ? broker.entering.enter(transactionalId, producer, [partition])
      : broker.entering.verify(transactionalId, producer, [partition]);
    const errorCode = (await asked)[0]!;
    if (errorCode !== ErrorCode.NONE) return all(toldOf(writeErrorOf(errorCode, abilities)));
    if (verification.leaderEpoch !== partition.leaderEpoch) return all(ErrorCode.NOT_COORDINATOR);
    // The transaction may have ended meanwhile.
    if (!isGood(verification)) return all(ErrorCode.INVALID_TXN_STATE);
    // The records are appended before the first await.
    return store();
  } finally {
    broker.verifications.end(verification);
  }
}

/** Of commits, clients retry COORDINATOR_LOAD_IN_PROGRESS where of writes they retry NOT_ENOUGH_REPLICAS. */
function toldOf(errorCode: number): number {
  return errorCode === ErrorCode.NOT_ENOUGH_REPLICAS ? ErrorCode.COORDINATOR_LOAD_IN_PROGRESS : errorCode;
}
