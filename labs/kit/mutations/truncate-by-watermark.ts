import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'truncate-by-watermark',
  file: 'core/replica/replica-fetcher.ts',
  find: `    this.followed.set(key, {
      partition,
      key,`,
  replace: `    partition.log.truncateTo(partition.log.highWatermark);
    this.followed.set(key, {
      partition,
      key,`,
  why: 'A follower cuts its log at its own high watermark when a leader’s epoch begins, as before Kafka 0.11.',
  caughtBy: ['INVARIANT COMMITTED-PREFIX', 'LOST-WRITE', 'UNSEEN', 'INCONSISTENT-OFFSET'],
  scenario: { lab: 'replication', id: 'storm' },
};
