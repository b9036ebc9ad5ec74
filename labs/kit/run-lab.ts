/**
 * Runs labs: what mostly computes beside what mostly waits, and measurements alone.
 *
 * Invariant: a lab's phases go in order, and its verdicts do not depend on which labs run beside it: campaigns count plans by number, worlds share
 * nothing. Figures are taken one lab after the other, when all searches and all real processes have ended.
 */
import os from 'node:os';
import { CampaignPool } from './campaign.ts';
import { type LabRun, LabRunner, type RunLabOptions } from './lab-runner.ts';
import { Lanes } from './lanes.ts';

/** Labs that search at once: while one shrinks a plan, on one core, the other's campaign has the rest. */
const SEARCH_LANES = 2;
/** Of a quick run of several labs: what they may search together beyond what is promised, while others wait to begin. */
const QUICK_SEARCH_MS = 16_000;
/** Scenarios on real processes at once. */
const LOCAL_LANES = 4;

export async function runLab(name: string, options: RunLabOptions): Promise<LabRun> {
  let only: LabRun | undefined;
  await runLabs([name], options, (run) => {
    only = run;
  });
  return only!;
}

/** Each lab's run goes to `onRun` as soon as its figures are taken, in the order of the names. */
export async function runLabs(
  names: readonly string[],
  options: RunLabOptions,
  onRun: (run: LabRun) => void,
): Promise<void> {
  const shared = {
    ...options,
    ...(names.length > 1 && options.profile === 'quick'
      ? { searchMsMax: (QUICK_SEARCH_MS * SEARCH_LANES) / names.length }
      : {}),
  };
  const runners: LabRunner[] = [];
  for (const name of names) runners.push(await LabRunner.open(name, shared));
  const workers = options.workers ?? Math.max(1, os.availableParallelism());
  const simulates = options.targets?.includes('sim') ?? options.bootstrap === undefined;
  const pool = workers > 1 && simulates ? new CampaignPool(workers) : undefined;
  const searching = new Lanes(pool === undefined ? 1 : SEARCH_LANES);
  // A cluster that is somebody's own is not asked for more than one thing at a time.
  const real = new Lanes(options.bootstrap === undefined ? LOCAL_LANES : 1);
  try {
    // Those with the most to do on real processes search first: what only waits is then done beside the others' searches.
    const inOrder = runners.toSorted((a, b) => (a.realJobs === b.realJobs ? 0 : b.realJobs - a.realJobs));
    await Promise.all(
      inOrder.map(async (runner) => {
        await searching.run(() => runner.search(pool));
        await runner.reproduce(real);
      }),
    );
  } finally {
    await pool?.close();
  }
  for (const runner of runners) {
    await runner.measure();
    onRun(await runner.result());
  }
}
