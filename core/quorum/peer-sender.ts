import { NetworkError } from '../ports/network.ts';
import { Fetch } from '../protocol/messages/01-fetch.ts';
import { Vote } from '../protocol/messages/52-vote.ts';
import { BeginQuorumEpoch } from '../protocol/messages/53-begin-quorum-epoch.ts';
import { EndQuorumEpoch } from '../protocol/messages/54-end-quorum-epoch.ts';
import { FetchSnapshot } from '../protocol/messages/59-fetch-snapshot.ts';
import type { Api, Fields, RequestInput, ResponseOf } from '../protocol/schema.ts';
import { RpcError } from '../rpc/rpc-error.ts';
import {
  decodeEpochAnswer,
  decodeFetchAnswer,
  decodeFetchSnapshotAnswer,
  decodeVoteAnswer,
  encodeBeginEpoch,
  encodeEndEpoch,
  encodeFetch,
  encodeFetchSnapshot,
  encodeVote,
  type Me,
} from './peer-messages.ts';
import type { PeerAnswer, PeerRequest } from './raft-events.ts';

/** Sends a request to another node. Rejects when no answer comes. What goes over different channels does not wait for each other. */
export type SendToPeer = <Req extends Fields, Res extends Fields>(
  nodeId: number,
  api: Api<Req, Res>,
  body: RequestInput<Api<Req, Res>>,
  options: { readonly timeoutMs: number; readonly channel?: string },
) => Promise<ResponseOf<Api<Req, Res>>>;

/** Fetches wait at the leader, and what is about elections must not wait behind them. */
const FETCH_CHANNEL = 'quorum-fetch';
const ELECTION_CHANNEL = 'quorum';
const REFUSED = 'ECONNREFUSED';

/** The system at the peer's address says that no process listens there. */
export function isRefusal(error: unknown): boolean {
  const cause = error instanceof RpcError && error.kind === 'connect-failed' ? error.cause : null;
  return cause instanceof NetworkError && cause.code === REFUSED;
}

/** The answer of the other node; null when it refused the whole request, or said nothing of the metadata log. */
export async function askPeer(
  send: SendToPeer,
  me: Me,
  to: number,
  request: PeerRequest,
  timeoutMs: number,
): Promise<PeerAnswer | null> {
  const urgent = { timeoutMs, channel: ELECTION_CHANNEL };
  switch (request.kind) {
    case 'vote':
      return decodeVoteAnswer(await send(to, Vote, encodeVote(me, to, request), urgent), request.isPreVote);
    case 'beginEpoch':
      return decodeEpochAnswer(
        'beginEpoch',
        await send(to, BeginQuorumEpoch, encodeBeginEpoch(me, to, request), urgent),
      );
    case 'endEpoch':
      return decodeEpochAnswer('endEpoch', await send(to, EndQuorumEpoch, encodeEndEpoch(me, request), urgent));
    case 'fetch': {
      const options = { timeoutMs: timeoutMs + request.maxWaitMs, channel: FETCH_CHANNEL };
      return decodeFetchAnswer(await send(to, Fetch, encodeFetch(me, request), options));
    }
    case 'fetchSnapshot': {
      const options = { timeoutMs, channel: FETCH_CHANNEL };
      return decodeFetchSnapshotAnswer(await send(to, FetchSnapshot, encodeFetchSnapshot(me, request), options));
    }
  }
}
