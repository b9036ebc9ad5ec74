import type { NewMetadataRecord } from './records/metadata-record.ts';

/** What a pure decision gives: the records that make it true, and the answer that leaves once they are committed. */
export interface Decision<Response> {
  readonly records: readonly NewMetadataRecord[];
  readonly response: Response;
  /** There was more to do than one batch may hold: the records are committed, and the decision is made again before any other. */
  readonly isPartial?: true;
}

/** How many changes of partitions a batch of records may hold. */
export const CHANGES_PER_BATCH_MAX = 10_000;

/** A refusal, or success with code 0 and no message. */
export interface Outcome {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

/** Asked before partitions are made or deleted, with their number: null, or why not (controller_mutation_rate). */
export type MutationGate = (partitions: number) => Outcome | null;

export const UNLIMITED_MUTATIONS: MutationGate = () => null;

export const ACCEPTED: Outcome = { errorCode: 0, errorMessage: null };

export function refused(errorCode: number, errorMessage: string): Outcome {
  return { errorCode, errorMessage };
}
