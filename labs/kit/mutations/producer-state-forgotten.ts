import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'producer-state-forgotten',
  file: 'core/log/log.ts',
  find: 'for (const batch of batchesIn(whole)) this.noteAppended(segment, batch);',
  replace: `for (const batch of batchesIn(whole)) {
          this.noteAppended(segment, batch);
          this.producers.reset(batch.nextOffset);
        }`,
  why: 'A follower keeps no state of producers: as the next leader it knows nobody’s batches.',
  caughtBy: ['DUPLICATE', 'LIVENESS', 'ABORTED-READ', 'TORN'],
  scenario: { lab: 'replication', id: 'storm' },
};
