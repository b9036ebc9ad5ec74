import { FetchSnapshot } from '../../protocol/messages/59-fetch-snapshot.ts';
import { nodeHandlerOf } from '../handler.ts';

/** FetchSnapshot 0–1, at controllers: a piece of a snapshot of the metadata, for who is behind the log's start. */
export const fetchSnapshotHandler = nodeHandlerOf(FetchSnapshot, (node, request) => node.quorum.fetchSnapshot(request));
