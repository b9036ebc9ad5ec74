import { expect, test } from 'vitest';
import { SimRandom } from '../ports/sim/random.ts';
import { DEFAULT_QUORUM_SETTINGS } from './quorum-settings.ts';
import { Raft } from './raft.ts';
import { ModelLog } from './test/raft-model.ts';
import { VoterSet } from './voters.ts';

test('after a tick nothing of a leader is due at once, however its times round', () => {
  const silentMs = DEFAULT_QUORUM_SETTINGS.fetchTimeoutMs / 2;
  const random = new SimRandom(1, 'rounding');
  let rounded = 0;
  for (let i = 0; i < 20_000; i++) {
    const lastFetchMs = random.float() * 1000;
    // Where the difference and the sum disagree about whether the pause is over.
    const nowMs = lastFetchMs + silentMs;
    if (nowMs - lastFetchMs < silentMs) rounded++;
    const raft = new Raft({
      self: 1,
      voters: new VoterSet([1, 2, 3].map((nodeId) => ({ nodeId, address: { host: `n${nodeId}`, port: 1 } }))),
      settings: DEFAULT_QUORUM_SETTINGS,
      log: new ModelLog(),
      random: () => random.float(),
      election: { epoch: 1, leaderId: -1, votedId: 1 },
      highWatermark: 0,
      nowMs: 0,
    });
    raft.becomeLeader([1, 2]);
    const { role } = raft;
    if (role.kind !== 'leader') throw new Error('it leads');
    for (const voter of role.voters.values()) voter.lastFetchMs = lastFetchMs;
    raft.step({ kind: 'tick' }, nowMs);
    expect(raft.nextDeadlineMs).toBeGreaterThan(nowMs);
  }
  expect(rounded).toBeGreaterThan(0);
});
