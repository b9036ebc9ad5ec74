import { EndQuorumEpoch } from '../../protocol/messages/54-end-quorum-epoch.ts';
import { nodeHandlerOf } from '../handler.ts';

/** EndQuorumEpoch 0–1, at controllers: the leader of the quorum resigns. */
export const endQuorumEpochHandler = nodeHandlerOf(EndQuorumEpoch, (node, request) =>
  node.quorum.endQuorumEpoch(request),
);
