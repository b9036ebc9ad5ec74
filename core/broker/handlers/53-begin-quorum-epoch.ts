import { BeginQuorumEpoch } from '../../protocol/messages/53-begin-quorum-epoch.ts';
import { nodeHandlerOf } from '../handler.ts';

/** BeginQuorumEpoch 0–1, at controllers: the elected leader of the quorum says so. */
export const beginQuorumEpochHandler = nodeHandlerOf(BeginQuorumEpoch, (node, request) =>
  node.quorum.beginQuorumEpoch(request),
);
