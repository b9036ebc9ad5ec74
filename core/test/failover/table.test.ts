import { expect, test } from 'vitest';
import { table } from './table.ts';
import type { Campaign } from './verdict.ts';

const campaign = (fields: Partial<Campaign>): Campaign => ({
  load: 'l',
  partitions: 6,
  sessionMs: 3000,
  failed: 0,
  kills: [{ victim: 1, wasController: true, partitionsLed: 2, electedMs: 2700, gapsMs: [2800, 4200], told: [] }],
  folders: [],
  acknowledged: 10,
  lost: 0,
  duplicates: 0,
  outOfOrder: 0,
  consumer: null,
  ...fields,
});

test('a line a campaign, one for all of them, and what is wrong in words', () => {
  const lived = [{ victim: 2, wasController: false, partitionsLed: 1, electedMs: null, gapsMs: [2500], told: [] }];
  const text = table([campaign({}), campaign({ kills: lived, lost: 1, folders: ['t-0 differs'] })]);
  const lines = text.split('\n').map((line) => line.split(/ {2,}/));
  expect(lines[1]?.slice(0, 7)).toEqual(['1 l', '1', '10', '0', '0', '0', '0']);
  expect(lines[1]?.slice(7)).toEqual(['1: 2700, 2700 ms', '2: 4200, 4200 ms (1)', '2: 4200, 4200 ms (1)', 'none']);
  expect(lines[3]?.slice(0, 7)).toEqual(['all', '2', '20', '0', '1', '0', '0']);
  expect(lines[3]?.slice(8)).toEqual(['3: 2800, 4200 ms (1)', '2: 4200, 4200 ms (1)', '1: 2500, 2500 ms (0)']);
  expect(text).toContain('1: holds; 6 partitions, session 3000 ms, goal 4000 ms; folders: clean, replicas the same');
  expect(text).toContain('2: DOES NOT HOLD');
  expect(text).toContain('folders: t-0 differs');
});
