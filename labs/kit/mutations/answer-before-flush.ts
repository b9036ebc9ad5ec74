import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'answer-before-flush',
  file: 'core/replica/partition.ts',
  find: 'const flushed = this.log.flushAfterAppend();',
  replace: 'this.log.flushAfterAppend()?.catch(() => {});\n    const flushed = null as Promise<void> | null;',
  why: 'With flush.messages=1 the answer leaves before the records are on the device.',
  caughtBy: ['LOST-WRITE', 'UNSEEN', 'INCONSISTENT-OFFSET'],
  scenario: { lab: 'mutation', id: 'flushed' },
};
