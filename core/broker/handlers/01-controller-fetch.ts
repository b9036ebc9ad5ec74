import { Fetch } from '../../protocol/messages/01-fetch.ts';
import { nodeHandlerOf } from '../handler.ts';

/** Fetch 4–18 as controllers answer it: the metadata log, for voters and for observers. */
export const controllerFetchHandler = nodeHandlerOf(Fetch, (node, request) => node.quorum.fetch(request));
