/** The lab's figures: maps and pictures from the simulator, the price from a real cluster of processes. */
import { clientTitle } from '../kit/drivers/versions.ts';
import type { FigureContext, FigureVerdict, LabFigures } from '../kit/lab.ts';
import { observeAnswers } from './figures/answers.ts';
import { measurePrice } from './figures/price.ts';
import { drawReplicas } from './figures/replicas.ts';
import { makeSetupsMap } from './figures/setups-map.ts';

const MAP_RUNS = { quick: 2, full: 20 } as const;

export async function acksFigures(context: FigureContext): Promise<LabFigures> {
  const { input, seed, profile, progress } = context;
  progress('what each acks waits for');
  const answers = await observeAnswers(seed);
  progress('replicas over time');
  const replicas = await drawReplicas(input, seed);
  progress('setups by faults');
  const map = await makeSetupsMap(input, seed, MAP_RUNS[profile]);
  progress('throughput and latency');
  const price = await measurePrice(context);
  return {
    figures: { ...answers.figures, ...replicas.figures, ...map.figures, ...price.figures },
    charts: {
      answers: answers.chart,
      ...replicas.charts,
      loss: map.loss,
      waiting: map.waiting,
      ...price.charts,
    },
    price: price.price,
    verdicts: [
      verdict('C25', 'sim', answers.isSo ? 'holds' : 'violated', 'holds', 1),
      verdict('C30', 'local', 'measured', 'measured', price.price.length),
    ],
  };
}

function verdict(
  claim: string,
  target: FigureVerdict['target'],
  found: FigureVerdict['verdict'],
  expected: FigureVerdict['expected'],
  runs: number,
): FigureVerdict {
  return { claim, target, client: clientTitle('mqlab'), variant: 'after', expected, verdict: found, runs };
}
