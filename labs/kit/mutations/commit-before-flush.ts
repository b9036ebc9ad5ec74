import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'commit-before-flush',
  file: 'core/quorum/raft-answers.ts',
  find: `raft.raiseHighWatermark(role.committedOffset(log.flushedOffset));
    return;`,
  replace: `raft.raiseHighWatermark(role.committedOffset(log.endOffset));
    return;`,
  why: 'The leader of the metadata counts its own log as stored before it is on the device.',
  caughtBy: ['INVARIANT METADATA-PREFIX', 'INVARIANT METADATA-HIGH-WATERMARK'],
  scenario: { lab: 'replication', id: 'storm' },
};
