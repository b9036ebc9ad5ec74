import type { MetadataLog } from '../controller/metadata-log.ts';
import type { EndPoint } from './listeners.ts';
import { parseEndPoint } from './listeners.ts';

/** The metadata quorum as clients are told of it: one voter, this node. */
export interface QuorumView {
  readonly leaderEpoch: number;
  /** Of the log dir with the metadata log. */
  readonly directoryId: string;
  logEndOffset(): number;
  /** Where the controller is reached. */
  listeners(): readonly EndPoint[];
}

/** The controller has no socket of its own: it is named where `listeners` puts it, and where nothing does, where the broker listens. */
export function quorumView(parts: {
  readonly metadataLog: MetadataLog;
  readonly directoryId: string;
  readonly controllerNames: readonly string[];
  readonly listeners: readonly string[];
  readonly endPoints: () => readonly EndPoint[];
}): QuorumView {
  const names = new Set(parts.controllerNames.map((name) => name.toUpperCase()));
  const own = parts.listeners.flatMap((text) => parseEndPoint(text) ?? []).filter(({ name }) => names.has(name));
  return {
    leaderEpoch: parts.metadataLog.leaderEpoch,
    directoryId: parts.directoryId,
    logEndOffset: () => parts.metadataLog.logEndOffset,
    listeners: () => (own.length > 0 ? own : parts.endPoints().slice(0, 1)),
  };
}
