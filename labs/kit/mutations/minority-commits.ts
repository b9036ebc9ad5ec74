import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'minority-commits',
  file: 'core/quorum/leader.ts',
  find: 'const offset = offsets.sort((a, b) => b - a)[this.majority - 1]!;',
  replace: 'const offset = offsets.sort((a, b) => b - a)[0]!;',
  why: 'Metadata is committed as soon as anybody has it.',
  caughtBy: ['INVARIANT METADATA-PREFIX', 'INVARIANT METADATA-HIGH-WATERMARK'],
  scenario: { lab: 'replication', id: 'storm' },
};
