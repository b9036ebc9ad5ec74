import { AssignReplicasToDirs } from '../../protocol/messages/73-assign-replicas-to-dirs.ts';
import { nodeHandlerOf } from '../handler.ts';

/** AssignReplicasToDirs 0, at controllers: a broker says in which of its log dirs replicas lie (KIP-858). */
export const assignReplicasToDirsHandler = nodeHandlerOf(AssignReplicasToDirs, (node, request) =>
  node.controller.assignReplicasToDirs(request),
);
