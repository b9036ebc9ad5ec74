import { FindCoordinator } from '../protocol/messages/10-find-coordinator.ts';
import type { BrokerAddress, Connections } from './connections.ts';

const GROUP_KEY_TYPE = 0;
const TRANSACTION_KEY_TYPE = 1;

export interface FoundCoordinator {
  readonly errorCode: number;
  readonly broker: BrokerAddress;
  readonly detail: string | null;
}

/** Which broker coordinates a group, or the error code. One attempt, at any broker. Rejects with RpcError. */
export function findGroupCoordinator(connections: Connections, groupId: string): Promise<FoundCoordinator> {
  return find(connections, GROUP_KEY_TYPE, groupId);
}

/** The same for a transactional id. */
export function findTransactionCoordinator(connections: Connections, id: string): Promise<FoundCoordinator> {
  return find(connections, TRANSACTION_KEY_TYPE, id);
}

async function find(connections: Connections, keyType: number, key: string): Promise<FoundCoordinator> {
  const response = await connections.any().request(FindCoordinator, { key, keyType, coordinatorKeys: [key] });
  const found = response.coordinators[0] ?? response;
  const { nodeId, host, port, errorCode, errorMessage } = found;
  return { errorCode, broker: { nodeId, host, port }, detail: errorMessage };
}
