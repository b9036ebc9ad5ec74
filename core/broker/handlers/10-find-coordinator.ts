import {
  CONSUMER_OFFSETS_TOPIC,
  SHARE_GROUP_STATE_TOPIC,
  TRANSACTION_STATE_TOPIC,
} from '../../controller/topic-name.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { FindCoordinator } from '../../protocol/messages/10-find-coordinator.ts';
import type { ResponseInput } from '../../protocol/schema.ts';
import { handlerOf, type RequestCall } from '../handler.ts';
import type { BrokerServices } from '../services.ts';

/**
 * FindCoordinator 0–6: which broker coordinates a group, a transactional id or (v6) the state of a share partition, by "group:topicId:partition".
 * v4+ asks for many keys at once. `__consumer_offsets`, `__transaction_state` and `__share_group_state` are made on their first use.
 */
const GROUP = 0;
const TRANSACTION = 1;
const SHARE = 2;
const SHARE_SINCE = 6;
const SHARE_KEY = /^.*[^ \t:].*:[A-Za-z0-9_-]{22}:\d{1,10}$/s;

interface Coordinator {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export const findCoordinatorHandler = handlerOf(FindCoordinator, async (broker, request, call) => {
  const isMany = call.apiVersion >= 4;
  const keys = isMany ? request.coordinatorKeys : [request.key];
  const coordinators: { key: string; found: Coordinator }[] = [];
  for (const key of keys) coordinators.push({ key, found: await find(broker, call, request.keyType, key) });
  if (isMany) return { coordinators: coordinators.map(({ key, found }) => ({ key, ...found })) };
  const { found } = coordinators[0]!;
  // As Kafka words success where there is but one coordinator.
  const errorMessage = found.errorCode === ErrorCode.NONE ? 'NONE' : found.errorMessage;
  return { ...found, errorMessage } satisfies ResponseInput<typeof FindCoordinator>;
});

async function find(broker: BrokerServices, call: RequestCall, keyType: number, key: string): Promise<Coordinator> {
  const kind = kindOf(broker, keyType, key);
  if (kind === null) return none(ErrorCode.INVALID_REQUEST, 'There is no coordinator of this type.');
  if (keyType === TRANSACTION && key === '') return none(ErrorCode.INVALID_REQUEST, 'A transactional id is not empty.');
  if (keyType === SHARE && (call.apiVersion < SHARE_SINCE || !SHARE_KEY.test(key))) {
    return none(ErrorCode.INVALID_REQUEST, 'The key of a share partition is groupId:topicId:partition.');
  }
  const exists = await kind.ensure();
  const partition = broker.image.topics.get(kind.topic)?.partitions[kind.partition()];
  const leader = exists ? (partition?.leader ?? -1) : -1;
  const endPoint = broker.endPointOf(leader, call.listenerName);
  if (endPoint === null) return none(ErrorCode.COORDINATOR_NOT_AVAILABLE, null);
  const { host, port } = endPoint;
  return { nodeId: leader, host, port, errorCode: ErrorCode.NONE, errorMessage: null };
}

interface CoordinatorKind {
  readonly topic: string;
  /** Asked when the topic exists: it has as many partitions as whoever made it wanted. */
  readonly partition: () => number;
  /** True when the topic exists now. */
  readonly ensure: () => Promise<boolean>;
}

function kindOf(broker: BrokerServices, keyType: number, key: string): CoordinatorKind | null {
  const { topicCreation, groups, transactions, shares } = broker;
  switch (keyType) {
    case GROUP:
      return {
        topic: CONSUMER_OFFSETS_TOPIC,
        partition: () => groups.partitionOf(key),
        ensure: () => topicCreation.ensureOffsetsTopic(),
      };
    case TRANSACTION:
      return {
        topic: TRANSACTION_STATE_TOPIC,
        partition: () => transactions.partitionOf(key),
        ensure: () => topicCreation.ensureTransactionTopic(),
      };
    case SHARE:
      return {
        topic: SHARE_GROUP_STATE_TOPIC,
        partition: () => shares.partitionOf(key),
        ensure: () => topicCreation.ensureShareStateTopic(),
      };
    default:
      return null;
  }
}

function none(errorCode: number, errorMessage: string | null): Coordinator {
  return { nodeId: -1, host: '', port: -1, errorCode, errorMessage };
}
