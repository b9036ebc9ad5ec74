/** Plans a second and core of the simulated cluster, of ten virtual seconds: `mqlab bench sim`, as often as there are pairs. */
import { fileURLToPath } from 'node:url';
import { SIMULATION } from '../goals.ts';
import { only, type Part } from '../part.ts';
import { runNode } from './own-process.ts';

const PLANS = { full: 100, quick: 5 };
const SIM_MS_MAX = 180_000;

export const simulation: Part = {
  name: 'simulation',
  about: 'plans a second and core',
  async run({ systems, pairs, isQuick, recorder, failures, progress }) {
    const [mqlab] = only(systems, 'mqlab');
    const plans = String(PLANS[isQuick ? 'quick' : 'full']);
    const launcher = fileURLToPath(import.meta.resolve('@mqlab/core/cli/mqlab.js'));
    for (let pair = 0; pair < pairs; pair++) {
      progress(`${SIMULATION}: round ${pair + 1} of ${pairs}`);
      try {
        const args = [launcher, 'bench', 'sim', '--json', '--plans', plans, '--warmup', plans];
        const { code, stdout, stderr } = await runNode(args, SIM_MS_MAX);
        if (code !== 0) throw new Error(`mqlab bench sim ended with ${code}: ${stderr.trim().split('\n')[0] ?? ''}`);
        recorder.add('Simulation', SIMULATION, 'plans', mqlab!, pair, plansPerSecond(stdout));
      } catch (error) {
        failures.push(`${SIMULATION}: ${(error as Error).message}`);
        return;
      }
    }
  },
};

export function plansPerSecond(output: string): number {
  const { plansOf10VirtualSecondsPerSecond: plans } = JSON.parse(output) as {
    plansOf10VirtualSecondsPerSecond?: number;
  };
  if (typeof plans !== 'number') throw new Error('bench sim --json has no plansOf10VirtualSecondsPerSecond');
  return plans;
}
