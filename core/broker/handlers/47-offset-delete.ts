import { OffsetDelete } from '../../protocol/messages/47-offset-delete.ts';
import { deleteOffsets } from '../groups/group-requests.ts';
import { handlerOf } from '../handler.ts';

/** OffsetDelete 0: single offsets of a group, unless a member subscribes to their topic (KIP-496). */
export const offsetDeleteHandler = handlerOf(OffsetDelete, (broker, request) => deleteOffsets(broker.groups, request));
