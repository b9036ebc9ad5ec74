import { readInput } from '../kit/input.ts';
import { runPlan } from '../kit/run-plan.ts';
import { planOf, seedOf } from '../kit/search.ts';
import { SCENARIOS } from './scenarios.ts';
import { describePlan } from './plan.ts';
import { operationText } from '../kit/story.ts';
const input = await readInput({ recordsMax: 200 });
const [target, client, id, n, verbose] = process.argv.slice(2) as string[];
const scenario = SCENARIOS.find((s) => s.id === id)!;
let bad = 0; const t0 = performance.now();
for (let i = 0; i < Number(n); i++) {
  const seed = seedOf(5, i);
  const plan = planOf(scenario.plan, seed);
  const t = performance.now();
  try {
    const made = await runPlan(scenario, plan, { target: target as never, client: client as never, seed, input, options: {} });
    if (made.outcome.violations.length) bad++;
    if (verbose === undefined) continue;
    const reads = made.history.operations.filter((o) => o.data.type === 'final-read').map((o) => operationText(o.data));
    console.log(Math.round(performance.now() - t), describePlan(plan).map((o) => o.text).join('; '), made.outcome.violations.join(), made.outcome.status, '|', reads[0], '|', made.goals.join());
    if (verbose === 'v') for (const o of made.history.operations) console.log('   ', o.time, o.process, o.phase, operationText(o.data), o.error ?? '');
  } catch (e) { console.log(Math.round(performance.now() - t), JSON.stringify(plan), 'ERROR', (e as Error).stack); }
}
console.log(id, bad, 'of', n, Math.round(performance.now() - t0), 'ms');
process.exit(0);
