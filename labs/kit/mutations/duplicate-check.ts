import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'duplicate-check',
  file: 'core/log/producer-state.ts',
  find: 'if (duplicate !== null) return earlierCopy(duplicate);',
  replace: 'if (duplicate !== null) return null;',
  why: 'A batch that an idempotent producer sends again is appended again.',
  caughtBy: ['DUPLICATE'],
  scenario: { lab: 'mutation', id: 'idempotent' },
};
