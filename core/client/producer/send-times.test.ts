import { expect, test } from 'vitest';
import type { Clock } from '../../ports/clock.ts';
import { SendTimes } from './send-times.ts';

function given() {
  const turns = { isWoken: false, turn: 0 };
  const state = { nowMs: 1_000, looks: 0 };
  const clock = {
    now: () => {
      state.looks++;
      return state.nowMs;
    },
  } as unknown as Clock;
  return { turns, state, times: new SendTimes(clock, turns) };
}

test('a time serves one turn of the event loop, and no more than 64 records', () => {
  const { turns, state, times } = given();
  turns.isWoken = true;
  expect(times.now()).toBe(1_000);
  state.nowMs = 2_000;
  for (let i = 1; i < 64; i++) expect(times.now()).toBe(1_000);
  expect(times.now()).toBe(2_000);
  expect(state.looks).toBe(2);
  turns.turn++;
  state.nowMs = 3_000;
  expect(times.now()).toBe(3_000);
});

test('without a sender that ends the turn each record has its own time', () => {
  const { turns, state, times } = given();
  expect(times.now()).toBe(1_000);
  state.nowMs = 2_000;
  turns.isWoken = true; // woken later than that look
  expect(times.now()).toBe(2_000);
});

test('a bulk has one time, and leaves none behind', () => {
  const { state, times } = given();
  times.beginBulk();
  state.nowMs = 2_000;
  for (let i = 0; i < 1_000; i++) expect(times.now()).toBe(1_000);
  times.endBulk();
  expect(times.now()).toBe(2_000);
});
