import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'aborted-not-told',
  file: 'core/replica/partition-read.ts',
  find: ': log.abortedTransactions(offset, read.endOffset);',
  replace: ': [];',
  why: 'Who reads committed is not told which transactions were aborted.',
  caughtBy: ['ABORTED-READ'],
  scenario: { lab: 'replication', id: 'storm' },
};
