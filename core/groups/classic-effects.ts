import type { JoinResult, SyncResult } from './classic-group.ts';

/**
 * What an event does to a classic group besides changing it: answers, and what is to be stored. `group-shard.ts` carries it out.
 *
 * The order in which answers leave: `replies` at once, except that what a `store` decides waits for its commit and comes back by `done`.
 */
export interface Effects {
  readonly replies: (() => void)[];
  /** The group's metadata is to be stored as it is now, with these assignments; then `done` is called with NONE or an error. */
  store: {
    readonly assignments: ReadonlyMap<string, Buffer> | null;
    readonly done: (errorCode: number, now: Now) => Effects;
  } | null;
}

export interface Now {
  /** Monotonic, ms: deadlines. */
  readonly mono: number;
  /** Wall clock, ms: what is stored. */
  readonly wall: number;
}

export interface RebalanceLimits {
  readonly initialRebalanceDelayMs: number;
  readonly sessionTimeoutMinMs: number;
  readonly sessionTimeoutMaxMs: number;
  readonly sizeMax: number;
}

const NO_BYTES = Buffer.alloc(0);

export function effects(): Effects {
  return { replies: [], store: null };
}

export function failedJoin(errorCode: number, memberId: string): JoinResult {
  return {
    errorCode,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    memberId,
    members: [],
  };
}

export function failedSync(errorCode: number): SyncResult {
  return { errorCode, protocolType: null, protocolName: null, assignment: NO_BYTES };
}
