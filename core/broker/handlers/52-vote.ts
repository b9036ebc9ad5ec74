import { Vote } from '../../protocol/messages/52-vote.ts';
import { nodeHandlerOf } from '../handler.ts';

/** Vote 0–2, at controllers: a voter asks for this one's vote, or (v2) whether it would have it. */
export const voteHandler = nodeHandlerOf(Vote, (node, request) => node.quorum.vote(request));
