import { expect, test } from 'vitest';
import { FrameAssembler } from './frame-assembler.ts';
import { giveMemoryBack, takeMemory } from './frame-memory.ts';

test('what was given back is taken again', () => {
  const memory = takeMemory(100_000);
  expect(memory.length).toBeGreaterThanOrEqual(100_000);
  giveMemoryBack(memory);
  expect(takeMemory(90_000).buffer).toBe(memory.buffer);
});

test('a wish for more than is needed takes no new memory of that size', () => {
  const kept = Array.from({ length: 12 }, () => takeMemory(1));
  expect(takeMemory(5_000, 100 * 1024 * 1024).length).toBeLessThan(4 * 1024 * 1024);
  kept.forEach(giveMemoryBack);
});

test('a few bytes do not take a MiB that is at hand', () => {
  giveMemoryBack(takeMemory(1024 * 1024));
  const kept = Array.from({ length: 10 }, () => takeMemory(100));
  expect(Math.max(...kept.map(({ length }) => length))).toBeLessThanOrEqual(16 * 1024);
});

test('at most 32 MiB are kept', () => {
  const given = Array.from({ length: 100 }, () => takeMemory(1024 * 1024));
  given.forEach(giveMemoryBack);
  const known = new Set(given.map(({ buffer }) => buffer));
  const again = Array.from({ length: 100 }, () => takeMemory(1024 * 1024));
  expect(again.filter(({ buffer }) => known.has(buffer)).length).toBeLessThanOrEqual(32);
  again.forEach(giveMemoryBack);
});

test('a receiver that stops at each frame costs no new memory a chunk', () => {
  const chunk = Buffer.alloc(200_000);
  for (let at = 0; at < chunk.length; at += 20_000) chunk.writeInt32BE(20_000 - 4, at);
  let frames = 0;
  const assembler = new FrameAssembler({ frameBytesMin: 1, frameBytesMax: 1024 * 1024, ownership: 'borrowed' }, () => {
    frames++;
    return 'stop';
  });
  const run = (): void => {
    assembler.push(chunk);
    while (assembler.heldBytes > 0) assembler.resume();
    assembler.resume();
  };
  run();
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 100; i++) run();
  expect(frames).toBe(1_010);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 * 1024 * 1024);
});
