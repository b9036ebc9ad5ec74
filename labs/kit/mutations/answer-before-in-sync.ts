import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'answer-before-in-sync',
  file: 'core/replica/partition.ts',
  find: 'if (this.log.highWatermark >= endOffset) {',
  replace: 'if (this.log.logEndOffset >= endOffset) {',
  why: 'acks=all is answered as soon as the leader has the records.',
  caughtBy: ['LOST-WRITE', 'UNSEEN', 'INCONSISTENT-OFFSET'],
  scenario: { lab: 'replication', id: 'storm' },
};
