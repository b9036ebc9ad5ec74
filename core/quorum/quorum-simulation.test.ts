import { expect, test } from 'vitest';
import { runPlan } from './test/plans.ts';

/**
 * The quorum under faults, seed by seed. A seed that fails says so; MQLAB_QUORUM_SEED=n runs it alone, MQLAB_QUORUM_PLANS=n as many from there on.
 */
const PLANS = Number(process.env.MQLAB_QUORUM_PLANS ?? 80);
const FIRST = process.env.MQLAB_QUORUM_SEED;

async function run(seed: number) {
  try {
    return await runPlan(seed);
  } catch (error) {
    const command = `MQLAB_QUORUM_SEED=${seed} npx vitest run --config .vitest.config.ts core/quorum/quorum-simulation.test.ts`;
    throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}\n${command}`, {
      cause: error,
    });
  }
}

test('whatever fails, what was committed stays, and a healed quorum goes on', { timeout: 600_000 }, async () => {
  let acknowledged = 0;
  let epochs = 0;
  let snapshots = 0;
  const from = Number(FIRST ?? 1);
  const plans = FIRST === undefined || process.env.MQLAB_QUORUM_PLANS !== undefined ? PLANS : 1;
  for (let seed = from; seed < from + plans; seed++) {
    const result = await run(seed);
    acknowledged += result.acknowledged;
    epochs += result.epochs;
    snapshots += result.snapshotsTaken;
  }
  if (FIRST !== undefined) return;
  // The plans do what they are for.
  expect(acknowledged).toBeGreaterThan(PLANS * 20);
  expect(epochs).toBeGreaterThan(PLANS * 3);
  expect(snapshots).toBeGreaterThan(PLANS / 4);
});

test('one seed twice is one history', async () => {
  for (const seed of [3, 4, 11]) expect(await run(seed)).toEqual(await run(seed));
});
