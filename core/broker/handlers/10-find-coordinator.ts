import { CONSUMER_OFFSETS_TOPIC, TRANSACTION_STATE_TOPIC } from '../../controller/topic-name.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { FindCoordinator } from '../../protocol/messages/10-find-coordinator.ts';
import type { ResponseInput } from '../../protocol/schema.ts';
import { handlerOf, type RequestCall } from '../handler.ts';
import type { BrokerServices } from '../services.ts';

/**
 * FindCoordinator 0–6: which broker coordinates a group or a transactional id. v4+ asks for many keys at once. `__consumer_offsets` and
 * `__transaction_state` are made on their first use. Share groups have no coordinator yet: the answer is an error that no client retries.
 */
const GROUP = 0;
const TRANSACTION = 1;

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
  return { ...coordinators[0]!.found } satisfies ResponseInput<typeof FindCoordinator>;
});

async function find(broker: BrokerServices, call: RequestCall, keyType: number, key: string): Promise<Coordinator> {
  if (keyType !== GROUP && keyType !== TRANSACTION) {
    return none(ErrorCode.INVALID_REQUEST, 'This broker coordinates groups and transactions only.');
  }
  if (keyType === TRANSACTION && key === '') return none(ErrorCode.INVALID_REQUEST, 'A transactional id is not empty.');
  const isGroup = keyType === GROUP;
  const { topicCreation, groups, transactions } = broker;
  const exists = await (isGroup ? topicCreation.ensureOffsetsTopic() : topicCreation.ensureTransactionTopic());
  const topic = broker.image.topics.get(isGroup ? CONSUMER_OFFSETS_TOPIC : TRANSACTION_STATE_TOPIC);
  const partition = topic?.partitions[isGroup ? groups.partitionOf(key) : transactions.partitionOf(key)];
  const leader = exists ? (partition?.leader ?? -1) : -1;
  const endPoint = broker.endPointOf(leader, call.listenerName);
  if (endPoint === null) return none(ErrorCode.COORDINATOR_NOT_AVAILABLE, null);
  const { host, port } = endPoint;
  return { nodeId: leader, host, port, errorCode: ErrorCode.NONE, errorMessage: null };
}

function none(errorCode: number, errorMessage: string | null): Coordinator {
  return { nodeId: -1, host: '', port: -1, errorCode, errorMessage };
}
