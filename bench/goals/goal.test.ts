import { existsSync } from 'node:fs';
import { checkRunData, renderReports } from '@mqlab/reports/index.ts';
import { expect, test } from 'vitest';
import type { Sample } from '../compare/samples.ts';
import { type Goal, judge } from './goal.ts';
import { GOALS } from './goals.ts';
import { beyondSession } from './parts/failover.ts';
import { plansPerSecond } from './parts/simulation.ts';
import { goalsRunData, goalWords } from './report.ts';

const goal: Goal = {
  what: 'start',
  workload: 'empty',
  samples: { workload: 'w', metric: 'm' },
  demands: [
    { of: 'value', bound: 'at most', than: 250, words: '≤ 250 ms' },
    { of: { ratioTo: 'kafka' }, bound: 'at most', than: 0.2, words: '≤ 0.2 × Kafka' },
  ],
  evidence: 'there.md',
};
const of = (system: string, values: readonly number[]): Sample[] =>
  values.map((value, pair) => ({
    ...{ group: 'g', workload: 'w', metric: 'm', unit: 'ms', betterIs: 'lower', version: '1' },
    ...{ system, pair, value },
  })) as Sample[];

test('a goal is reached when every demand holds for the median', () => {
  expect(judge(goal, [...of('mqlab', [200, 240, 900]), ...of('kafka', [2000, 2000, 2000])]).reached).toBe('reached');
  expect(judge(goal, [...of('mqlab', [200, 260, 300]), ...of('kafka', [2000, 2000, 2000])]).reached).toBe(
    'not reached',
  );
  expect(judge(goal, [...of('mqlab', [200]), ...of('kafka', [900])]).reached).toBe('not reached');
});

test('what was not measured is never reached; what fails already, fails', () => {
  expect(judge(goal, []).reached).toBe('not measured');
  expect(judge(goal, of('mqlab', [100])).reached).toBe('not measured');
  expect(judge(goal, of('mqlab', [300])).reached).toBe('not reached');
});

test('a ratio to another peer than Kafka', () => {
  const flush: Goal = {
    ...goal,
    demands: [{ of: { ratioTo: 'rabbitmq-quorum' }, bound: 'at least', than: 4, words: '≥ 4 ×' }],
    evidence: 'there.md',
  };
  const line = judge(flush, [...of('mqlab', [40, 50]), ...of('rabbitmq-quorum', [10, 10]), ...of('kafka', [20, 20])]);
  expect(line.reached).toBe('reached');
  expect(goalWords(line).ratios).toBe('4.50 (4.00 to 5.00) × rabbitmq-quorum; 2.25 (2.00 to 2.50) × kafka');
});

test('each row of the goals says what it demands, and the run data of a table without samples are whole', () => {
  for (const { demands, evidence } of GOALS) {
    expect(demands.length).toBeGreaterThan(0);
    expect(existsSync(new URL(`../../${evidence}`, import.meta.url)), evidence).toBe(true);
  }
  const data = goalsRunData({
    machine: { cpu: 'c', cores: 2, memoryBytes: 1e9, kernel: 'k', node: 'v26' },
    ...{ startedAt: new Date(0), durationMs: 1, replay: 'npx mqlab bench goals', pairs: 5, systems: [], skipped: [] },
    samples: of('mqlab', [1]),
    failures: ['simulation: there is none'],
    lines: [...GOALS.map((each) => judge(each, [])), judge(goal, of('mqlab', [251]))],
    settings: {},
  });
  checkRunData(data, 'the goals');
  const page = renderReports([data]).get('bench-goals.md')!;
  expect(page).toContain('not measured');
  expect(page).toContain('simulation: there is none');
  expect(page.match(/Not reached: .*/g)).toEqual([expect.stringMatching(/start\. Where .*there\.md/)]);
});

test('what other rooms measure is read from their data', () => {
  const campaigns = { campaigns: [{ kills: [{ gapsMs: [3200, 3900] }, { gapsMs: [] }, { gapsMs: [2900] }] }] };
  expect(beyondSession(JSON.stringify(campaigns), 3000)).toEqual([900, -100]);
  expect(plansPerSecond('{"plansOf10VirtualSecondsPerSecond": 12.5}')).toBe(12.5);
  expect(() => plansPerSecond('{}')).toThrow('plansOf10VirtualSecondsPerSecond');
});
