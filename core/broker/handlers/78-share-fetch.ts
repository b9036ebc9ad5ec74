import { ErrorCode } from '../../protocol/errors.ts';
import { ShareFetch } from '../../protocol/messages/78-share-fetch.ts';
import type { RequestOf, ResponseInput } from '../../protocol/schema.ts';
import type { SessionAnswer, SessionPartition, ShareSession } from '../../shares/share-sessions.ts';
import { FINAL_EPOCH } from '../../shares/share-sessions.ts';
import { handlerOf, type RequestCall } from '../handler.ts';
import type { BrokerServices } from '../services.ts';
import { type Acknowledged, acknowledge, endSession } from '../shares/acknowledgements.ts';
import { isMoved, leaderOf, shareRequestProblem } from '../shares/share-answers.ts';
import { readShares, type ShareItem, type ShareRead, shareItem } from '../shares/share-reader.ts';
import { nodeEndpoints } from './00-produce.ts';

/**
 * ShareFetch 1–2: a member of a share group acquires records, and acknowledges earlier ones in passing (KIP-932). Records are whole stored batches as file slices;
 * beside them stands which of them the member has now, and for the how-manieth time.
 *
 * v2: record-limit mode (KIP-1206), renewal of locks (KIP-1222): such a request acquires nothing.
 */
const RENEW_SINCE = 2;
const RECORD_LIMIT = 1;
const NO_RECORDS: readonly never[] = [];

type Request = RequestOf<typeof ShareFetch>;

export const shareFetchHandler = handlerOf(ShareFetch, async (broker, request, call) => {
  const problem = shareRequestProblem(broker, request) ?? renewProblem(request, call);
  if (problem !== null) return { ...problem, acquisitionLockTimeoutMs: 0, responses: [], nodeEndpoints: [] };
  const groupId = request.groupId!;
  const memberId = request.memberId!;
  const hasAcknowledgements = request.topics.some(({ partitions }) =>
    partitions.some((each) => each.acknowledgementBatches.length > 0),
  );
  const context = openSession(broker, request, call, hasAcknowledgements);
  if (context.kind === 'error') {
    // A client without a session comes back at once: it waits here as long as it would have for records.
    if (context.errorCode === ErrorCode.SHARE_SESSION_LIMIT_REACHED) {
      const timeoutMs = Math.max(0, request.maxWaitMs);
      await broker.purgatory.park({
        partitions: [],
        timeoutMs,
        connection: call.connection,
        isSatisfied: () => false,
      });
    }
    return { errorCode: context.errorCode, acquisitionLockTimeoutMs: 0, responses: [], nodeEndpoints: [] };
  }
  const session = context.kind === 'final' ? null : context.session;
  const { apiVersion } = call;
  const isRenewAck = apiVersion >= RENEW_SINCE && request.isRenewAck;
  const acknowledged = hasAcknowledgements
    ? acknowledge(broker, { ...request, groupId, memberId, apiVersion, isRenewAck })
    : Promise.resolve([]);
  const [acks, reads] = await Promise.all([
    acknowledged,
    session === null || isRenewAck ? NO_RECORDS : fetch(broker, request, call, session),
  ]);
  const told = session !== null && context.kind === 'next' ? reads.filter((read) => mustTell(session, read)) : reads;
  if (request.shareSessionEpoch === FINAL_EPOCH) endSession(broker, groupId, memberId);
  return answer(broker, call, groupId, told, acks);
});

function renewProblem(request: Request, call: RequestCall) {
  if (call.apiVersion < RENEW_SINCE || !request.isRenewAck) return null;
  const wrong = (['maxBytes', 'minBytes', 'maxRecords', 'maxWaitMs'] as const).filter((name) => request[name] !== 0);
  if (wrong.length === 0) return null;
  const errorMessage = `${wrong.join(', ')} must be 0 if isRenewAck is true.`;
  return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage };
}

function openSession(
  broker: BrokerServices,
  request: Request,
  call: RequestCall,
  hasAcknowledgements: boolean,
): SessionAnswer {
  const groupId = request.groupId!;
  const memberId = request.memberId!;
  let stop = (): void => {};
  const context = broker.shareSessions.open({
    groupId,
    memberId,
    epoch: request.shareSessionEpoch,
    partitions: request.topics.flatMap(({ topicId, partitions }) =>
      partitions.map(({ partitionIndex: partition }) => ({ topicId, partition })),
    ),
    forgotten: request.forgottenTopicsData.flatMap(({ topicId, partitions }) =>
      partitions.map((partition) => ({ topicId, partition })),
    ),
    hasAcknowledgements,
    onEnd: () => stop(),
  });
  // Who loses its connection gives back what it has.
  if (context.kind === 'begun') stop = call.connection.whenClosed(() => endSession(broker, groupId, memberId));
  return context;
}

function fetch(
  broker: BrokerServices,
  request: Request,
  call: RequestCall,
  session: ShareSession,
): Promise<readonly ShareRead[]> {
  const groupId = request.groupId!;
  const items = rotated(session.partitions(), request.shareSessionEpoch).map((each) =>
    shareItem(broker, groupId, each),
  );
  const { maxRecords, maxWaitMs, batchSize } = request;
  const maxBytes = Math.min(
    request.maxBytes,
    broker.config.number('fetch.max.bytes'),
    broker.quotas.fetch.windowMax(call.throttle.holder),
  );
  const minBytes = Math.min(request.minBytes, maxBytes);
  const isRecordLimit = call.apiVersion >= RENEW_SINCE && request.shareAcquireMode === RECORD_LIMIT;
  const asked = {
    groupId,
    memberId: request.memberId!,
    minBytes,
    maxBytes,
    maxRecords,
    maxWaitMs,
    batchSize,
    isRecordLimit,
  };
  return readShares(broker, asked, items, call);
}

/** Each request begins with another partition, so that small limits starve none. */
function rotated(partitions: readonly SessionPartition[], epoch: number): readonly SessionPartition[] {
  if (partitions.length < 2 || epoch < 1) return partitions;
  const by = epoch % partitions.length;
  return [...partitions.slice(by), ...partitions.slice(0, by)];
}

function mustTell(session: ShareSession, { item, slice, outcome }: ShareRead): boolean {
  return session.mustTell(item, { bytes: slice?.length ?? 0, errorCode: outcome.errorCode });
}

function answer(
  broker: BrokerServices,
  call: RequestCall,
  groupId: string,
  reads: readonly ShareRead[],
  acks: readonly Acknowledged[],
): ResponseInput<typeof ShareFetch> {
  let bytes = 0;
  const leaders = new Set<number>();
  const topics = new Map<string, Map<number, PartitionAnswer>>();
  const put = (topicId: string, partition: PartitionAnswer): void => {
    const partitions = topics.get(topicId) ?? new Map<number, PartitionAnswer>();
    topics.set(topicId, partitions.set(partition.partitionIndex, partition));
  };
  for (const { item, outcome, slice, acquired } of reads) {
    const currentLeader = isMoved(outcome.errorCode) ? leaderOf(broker, item) : NO_LEADER;
    if (isMoved(outcome.errorCode)) leaders.add(currentLeader.leaderId);
    bytes += slice?.length ?? 0;
    put(item.topicId, {
      ...partitionAnswer(item),
      ...outcome,
      currentLeader,
      records: slice === null ? [] : [slice],
      acquiredRecords: acquired,
    });
  }
  for (const { topicId, partition, outcome } of acks) {
    const existing = topics.get(topicId)?.get(partition) ?? partitionAnswer({ topicId, partition });
    const { errorCode, errorMessage } = outcome;
    put(topicId, { ...existing, acknowledgeErrorCode: errorCode, acknowledgeErrorMessage: errorMessage });
  }
  broker.metrics.bytesFetched += bytes;
  // What was acquired is sent whatever the quota says: the client is silenced after the answer.
  const { fetch: quota } = broker.quotas;
  if (quota.isEnabled) call.throttle.atLeast(quota.record(call.throttle.holder, bytes, broker.clock.monotonic()));
  return {
    errorCode: ErrorCode.NONE,
    acquisitionLockTimeoutMs: broker.groupConfig(groupId).shareRecordLockDurationMs,
    responses: [...topics].map(([topicId, partitions]) => ({ topicId, partitions: [...partitions.values()] })),
    nodeEndpoints: nodeEndpoints(broker, call, leaders),
  };
}

const NO_LEADER = { leaderId: 0, leaderEpoch: 0 };

type PartitionAnswer = ResponseInput<typeof ShareFetch>['responses'][number]['partitions'][number];

function partitionAnswer({ partition }: Pick<ShareItem, 'partition' | 'topicId'>): PartitionAnswer {
  return {
    partitionIndex: partition,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    acknowledgeErrorCode: ErrorCode.NONE,
    acknowledgeErrorMessage: null,
    currentLeader: NO_LEADER,
    records: [],
    acquiredRecords: [],
  };
}
