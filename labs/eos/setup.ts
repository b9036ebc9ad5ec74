/** How a scenario sets the application and what surrounds it up. `SOUND` is right; each `before` changes one thing of it. */
import type { Setup } from './app/read-process-write.ts';

export interface EosSetup {
  readonly transactions: boolean;
  readonly setup: Setup;
  /** Whose the transactional.id is: one for the process, one for the partition that it reads, or a new one at each start. */
  readonly ids: 'by-process' | 'by-partition' | 'random';
  /** When an id by partition is taken over: before the consumer looks up where to begin, or with the first record. */
  readonly takeOver: 'before-position' | 'at-first-record';
  readonly reader: 'read_committed' | 'read_uncommitted';
  readonly lookBack: 'read_committed' | 'read_uncommitted';
  readonly mails: boolean;
  /** 1: a client from before KIP-890. */
  readonly transactionVersionMax?: 1;
  readonly transactionTimeoutMs?: number;
  /** Requests of earlier transactions may come late. */
  readonly lateRequests: boolean;
  /** Somebody ends transactions that hang. */
  readonly operator: boolean;
}

export const SOUND: EosSetup = {
  transactions: true,
  setup: { offsets: 'as-member', afterAbort: 'seek-back', mails: false, looksBack: false },
  ids: 'by-process',
  takeOver: 'before-position',
  reader: 'read_committed',
  lookBack: 'read_committed',
  mails: false,
  lateRequests: false,
  operator: false,
};

export function withSetup(change: Partial<EosSetup['setup']>, rest: Partial<EosSetup> = {}): EosSetup {
  return { ...SOUND, ...rest, setup: { ...SOUND.setup, ...change } };
}
