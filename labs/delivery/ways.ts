/** The ways to consume that this lab compares: which code, where its effect shows, and what it opens. */
import { offsetApart, offsetInDatabase, offsetOverwritten } from './app/database.ts';
import type { Hands } from './app/hands.ts';
import { commitFirst, copy, processFirst } from './app/one-system.ts';
import { transaction, transactionApart, transactionWithMail } from './app/transaction.ts';

export type EffectPlace = 'mailbox' | 'topic' | 'database';

export interface Way {
  readonly title: string;
  readonly effect: EffectPlace;
  readonly opens: readonly ('producer' | 'transactional')[];
  readonly main: (hands: Hands) => Promise<void>;
}

export const WAYS = {
  'commit-first': { title: 'commit, then process', effect: 'mailbox', opens: [], main: commitFirst },
  'process-first': { title: 'process, then commit', effect: 'mailbox', opens: [], main: processFirst },
  copy: { title: 'write a record, then commit', effect: 'topic', opens: ['producer'], main: copy },
  'transaction-apart': {
    title: 'transaction without the offsets',
    effect: 'topic',
    opens: ['transactional'],
    main: transactionApart,
  },
  transaction: {
    title: 'transaction with the offsets',
    effect: 'topic',
    opens: ['transactional'],
    main: transaction,
  },
  'transaction-mail': {
    title: 'transaction, and an e-mail in it',
    effect: 'mailbox',
    opens: ['transactional'],
    main: transactionWithMail,
  },
  'offset-apart': {
    title: 'database: result, then offset',
    effect: 'database',
    opens: [],
    main: offsetApart,
  },
  'offset-overwritten': {
    title: 'database: both at once, not compared',
    effect: 'database',
    opens: [],
    main: offsetOverwritten,
  },
  'offset-in-database': {
    title: 'database: both at once, compared',
    effect: 'database',
    opens: [],
    main: offsetInDatabase,
  },
} as const satisfies Readonly<Record<string, Way>>;

export type WayName = keyof typeof WAYS;
