import type { Mutation } from '../mutation.ts';

export const mutation: Mutation = {
  id: 'last-stable-offset',
  file: 'core/log/log.ts',
  find: 'return unstable === null ? this.watermark : Math.max(this.startOffset, Math.min(unstable, this.watermark));',
  replace: 'return unstable === null ? this.watermark : this.watermark;',
  why: 'A read_committed consumer is given what belongs to transactions that are still open.',
  caughtBy: ['PRECOMMITTED-READ', 'ABORTED-READ', 'TORN'],
  scenario: { lab: 'eos', id: 'transaction' },
};
