import { expect, test } from 'vitest';
import { InvariantError } from './invariants.ts';
import { PLANTED_FAULTS } from './planted-faults.ts';
import { type PlanOptions, runPlan } from './replication-plan.ts';

/**
 * Replication in a simulated cluster: plans of faults by seed. MQLAB_SEED replays one plan, MQLAB_PLANS says how many are run of each kind.
 */
const SEED = process.env.MQLAB_SEED;
const PLANS = Number(process.env.MQLAB_PLANS ?? 12);
const FAULT_SEEDS_MAX = 40;
const KINDS = ['crash', 'flushed', 'power'] as const;

async function run(options: PlanOptions): Promise<void> {
  try {
    const { acked } = await runPlan(options);
    expect(acked).toBeGreaterThan(20);
  } catch (error) {
    const again = `MQLAB_SEED=${options.seed} npx vitest run --config .vitest.config.ts core/test/replication`;
    throw new Error(`plan ${options.kind}, seed ${options.seed}; again with ${again}`, { cause: error });
  }
}

test.each(KINDS)(
  'C41 C42 C43: what was acknowledged survives, and replicas come to agree: plans of kind %s',
  async (kind) => {
    const seeds = SEED === undefined ? Array.from({ length: PLANS }, (_, i) => i + 1) : [Number(SEED)];
    for (const seed of seeds) await run({ seed, kind });
  },
  120_000,
);

test('one seed gives one history', async () => {
  const first = await runPlan({ seed: 7, kind: 'flushed' });
  const second = await runPlan({ seed: 7, kind: 'flushed' });
  expect(second).toEqual(first);
  expect((await runPlan({ seed: 8, kind: 'flushed' })).hash).not.toBe(first.hash);
});

test.each(PLANTED_FAULTS)(
  'the invariants see it when $name',
  async ({ plant }) => {
    const undo = plant();
    try {
      for (let seed = 1; seed <= FAULT_SEEDS_MAX; seed++) {
        for (const kind of ['crash', 'flushed'] as const) {
          try {
            await runPlan({ seed, kind });
          } catch (error) {
            expect(error).toBeInstanceOf(InvariantError);
            return;
          }
        }
      }
      throw new Error(`nothing was seen in ${FAULT_SEEDS_MAX} seeds`);
    } finally {
      undo();
    }
  },
  120_000,
);
