/** `mqlab bench goals`: one command, one run: the table of performance.md's goals. */
import type { BenchRunData } from '@mqlab/reports/run-data.ts';
import { toolSettings } from '../compare/neutral.ts';
import { Recorder } from '../compare/recorder.ts';
import { findSystems, type Skipped } from '../compare/session.ts';
import { touchFreeMemory } from '../compare/touch-memory.ts';
import { thisMachine } from '../machine.ts';
import type { Peer } from '../peers/peer.ts';
import { type GoalLine, judge } from './goal.ts';
import { FLUSH_PEER, GOALS } from './goals.ts';
import type { Part } from './part.ts';
import { goalsRunData } from './report.ts';

export interface RunGoalsOptions {
  readonly peers: readonly Peer[];
  readonly parts: readonly Part[];
  readonly pairs: number;
  readonly quick: boolean;
  readonly replay: string;
  readonly progress: (text: string) => void;
  readonly onSkipped: (skipped: Skipped) => void;
}

export interface GoalsRun {
  readonly lines: readonly GoalLine[];
  readonly data: BenchRunData;
  readonly failures: readonly string[];
}

const SYSTEMS = ['mqlab', 'kafka', FLUSH_PEER];
const GIB = 1024 ** 3;

export async function runGoals(options: RunGoalsOptions): Promise<GoalsRun> {
  const startedAt = new Date();
  const began = performance.now();
  const { pairs, quick, progress, onSkipped } = options;
  const { systems, skipped } = await findSystems(options.peers.filter(({ name }) => SYSTEMS.includes(name)));
  for (const each of skipped) onSkipped(each);
  const touched = quick ? 0 : touchFreeMemory();
  const recorder = new Recorder();
  const failures: string[] = [];
  for (const part of options.parts)
    try {
      await part.run({ systems, pairs, isQuick: quick, recorder, failures, progress });
    } catch (error) {
      failures.push(`${part.name}: ${(error as Error).message}`);
    }
  const lines = GOALS.map((goal) => judge(goal, recorder.samples));
  const data = goalsRunData({
    machine: thisMachine(),
    startedAt,
    durationMs: performance.now() - began,
    replay: options.replay,
    pairs,
    systems,
    skipped,
    samples: recorder.samples,
    failures,
    lines,
    settings: {
      size: quick ? 'quick' : 'full',
      parts: options.parts.map(({ name }) => name).join(', '),
      ...toolSettings(),
      'memory touched before': touched === 0 ? 'none' : `${(touched / GIB).toFixed(1)} GiB`,
    },
  });
  return { lines, data, failures };
}
