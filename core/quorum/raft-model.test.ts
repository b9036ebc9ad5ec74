import { expect, test } from 'vitest';
import { RaftModel } from './test/raft-model.ts';

/** Random histories of the core. A seed that fails says so; MQLAB_RAFT_SEED=n runs it alone, MQLAB_RAFT_HISTORIES=n as many. */
const HISTORIES = Number(process.env.MQLAB_RAFT_HISTORIES ?? 1500);
const ONLY = process.env.MQLAB_RAFT_SEED;
const STEPS = 700;
const SETTLED_STEPS = 400;

function runHistory(seed: number): RaftModel {
  const model = new RaftModel(seed, [3, 5, 3, 2, 4][seed % 5]!, seed % 7 === 0 ? 1 : 0);
  const disorder = [0.1, 0.5, 1][seed % 3]!;
  const crashes = [0.002, 0.01, 0.03][(seed >>> 2) % 3]!;
  const style = {
    disorder,
    crashes,
    flushes: [0.15, 0.04][(seed >>> 4) % 2]!,
    appends: [0.3, 0.05][(seed >>> 5) % 2]!,
  };
  for (let step = 0; step < STEPS; step++) model.step(style);
  const before = model.committed.length;
  const leads = () => model.nodes.find(({ raft }) => raft.isLeader);
  for (let step = 0; step < SETTLED_STEPS && !(leads() !== undefined && model.committed.length > before); step++) {
    model.settle();
    const leader = leads();
    if (leader !== undefined) model.append(leader);
  }
  if (leads() === undefined) throw new Error('nothing fails any more, and nobody leads');
  if (model.committed.length <= before) throw new Error('nothing fails any more, and nothing is committed');
  return model;
}

test('in any order of events there is one leader an epoch, and what was committed stays', { timeout: 300_000 }, () => {
  let leaders = 0;
  let committed = 0;
  const from = Number(ONLY ?? 1);
  const count = ONLY === undefined ? HISTORIES : 1;
  for (let seed = from; seed < from + count; seed++) {
    try {
      const model = runHistory(seed);
      leaders += model.leaderCount;
      committed += model.committed.length;
    } catch (error) {
      const command = `MQLAB_RAFT_SEED=${seed} npx vitest run --config .vitest.config.ts core/quorum/raft-model.test.ts`;
      throw new Error(`seed ${seed}: ${String(error)}\n${command}`, { cause: error });
    }
  }
  if (ONLY !== undefined) return;
  expect(leaders).toBeGreaterThan(HISTORIES * 2);
  expect(committed).toBeGreaterThan(HISTORIES * 4);
});
