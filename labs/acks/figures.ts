/** The lab's figures: maps and pictures from the simulator, the price from a real cluster of processes. */
import { clientTitle } from '../kit/drivers/versions.ts';
import type { FigureContext, FigureVerdict, LabFigures, SimulateContext } from '../kit/lab.ts';
import { type Answers, observeAnswers } from './figures/answers.ts';
import { measurePrice } from './figures/price.ts';
import { drawReplicas, type Replicas } from './figures/replicas.ts';
import { makeSetupsMap, type SetupsMap } from './figures/setups-map.ts';

const MAP_RUNS = { quick: 2, full: 20 } as const;

interface Simulated {
  readonly answers: Answers;
  readonly replicas: Replicas;
  readonly map: SetupsMap;
}

/** What each acks waits for, replicas over time, setups by faults. */
export async function simulateAcks({ input, seed, profile }: SimulateContext): Promise<Simulated> {
  return {
    answers: await observeAnswers(seed),
    replicas: await drawReplicas(input, seed),
    map: await makeSetupsMap(input, seed, MAP_RUNS[profile]),
  };
}

export async function acksFigures(context: FigureContext): Promise<LabFigures> {
  const { answers, replicas, map } = context.simulated as Simulated;
  context.progress('throughput and latency');
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
