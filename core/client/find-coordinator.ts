import { FindCoordinator } from '../protocol/messages/10-find-coordinator.ts';
import type { BrokerAddress, Connections } from './connections.ts';

const GROUP_KEY_TYPE = 0;

/** Which broker coordinates a group, or the error code. One attempt, at any broker. Rejects with RpcError. */
export async function findGroupCoordinator(
  connections: Connections,
  groupId: string,
): Promise<{ readonly errorCode: number; readonly broker: BrokerAddress; readonly detail: string | null }> {
  const response = await connections
    .any()
    .request(FindCoordinator, { key: groupId, keyType: GROUP_KEY_TYPE, coordinatorKeys: [groupId] });
  const found = response.coordinators[0] ?? response;
  const { nodeId, host, port, errorCode, errorMessage } = found;
  return { errorCode, broker: { nodeId, host, port }, detail: errorMessage };
}
