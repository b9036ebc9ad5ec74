import { expect, test } from 'vitest';
import { electedMs, GapWatch, gapsOf, type Kill, summarize } from './kill.ts';

test('a gap ends with the first acknowledgement after the election and after a silence, not with what was on its way', () => {
  let isElected = false;
  const watch = new GapWatch([0, 2], 1000, () => isElected);
  watch.acked(1, 1400); // led by another broker
  for (const atMs of [1010, 1045, 1090, 1150]) watch.acked(0, atMs);
  watch.acked(0, 2700); // told late
  expect(watch).toMatchObject({ waitingCount: 2, gapsMs: [] });
  isElected = true;
  watch.acked(0, 2750);
  expect(watch).toMatchObject({ waitingCount: 2, gapsMs: [] });
  watch.acked(0, 3500);
  watch.acked(0, 3900);
  expect(watch).toMatchObject({ waitingCount: 1, isOver: false, gapsMs: [2500] });
  watch.acked(2, 3800);
  expect(watch).toMatchObject({ isOver: true, gapsMs: [2500, 2800] });
});

test('gaps are told apart by whether the active controller died too', () => {
  const kill = (wasController: boolean, gapsMs: number[]): Kill => ({
    victim: 1,
    wasController,
    partitionsLed: gapsMs.length,
    electedMs: null,
    gapsMs,
    told: [],
  });
  const kills = [kill(true, [4100, 3900]), kill(false, [2500]), kill(true, [3000])];
  expect(summarize(gapsOf(kills), 4000)).toEqual({ count: 4, medianMs: 3900, worstMs: 4100, over: 1 });
  expect(gapsOf(kills, true)).toEqual([4100, 3900, 3000]);
  expect(gapsOf(kills, false)).toEqual([2500]);
  expect(summarize([], 4000)).toEqual({ count: 0, medianMs: 0, worstMs: 0, over: 0 });
});

test('when others were elected is read from the logs', () => {
  const told = [
    { atMs: 10, nodeId: 2, text: 'controller 2 is active in epoch 3' },
    { atMs: 2900, nodeId: 2, text: 'broker 1 is fenced: its session is over' },
  ];
  expect(electedMs(told, 1)).toBe(2900);
  expect(electedMs(told, 3)).toBeNull();
});
