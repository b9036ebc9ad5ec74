import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { type AfterFrame, FrameAssembler, FrameSizeError } from './frame-assembler.ts';

const OPTIONS = { frameBytesMin: 1, frameBytesMax: 1024 * 1024, ownership: 'borrowed' } as const;

function framed(...bodies: Uint8Array[]): Buffer {
  const parts: Buffer[] = [];
  for (const body of bodies) {
    const size = Buffer.alloc(4);
    size.writeInt32BE(body.length);
    parts.push(size, Buffer.from(body));
  }
  return Buffer.concat(parts);
}

/** Copies what it is handed, as a borrowed frame is gone after the call. */
function collect(options = OPTIONS, after: (count: number) => AfterFrame = () => 'continue') {
  const frames: string[] = [];
  const assembler = new FrameAssembler(options, (frame) => {
    frames.push(frame.toString('hex'));
    return after(frames.length);
  });
  return { frames, assembler };
}

test('three frames come out whole at every pair of split points', () => {
  const bodies = ['a1', 'b2b3b4b5b6b7', 'c8c9ca'].map((hex) => Buffer.from(hex, 'hex'));
  const stream = framed(...bodies);
  for (let first = 0; first <= stream.length; first++) {
    for (let second = first; second <= stream.length; second++) {
      const { frames, assembler } = collect();
      for (const [from, to] of [
        [0, first],
        [first, second],
        [second, stream.length],
      ]) {
        // A chunk's memory is used again after the call.
        const chunk = Buffer.from(stream.subarray(from, to));
        assembler.push(chunk);
        chunk.fill(0xee);
      }
      expect(frames).toEqual(bodies.map((each) => each.toString('hex')));
      expect(assembler.heldBytes).toBe(0);
    }
  }
});

property.prop([
  fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 }),
  fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 20 }),
  fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }),
])('any chunks, any stops: the frames come in order, unharmed', (bodies, cuts, stops) => {
  const stream = framed(...bodies);
  let isStopped = false;
  const { frames, assembler } = collect(OPTIONS, (count) => {
    expect(isStopped).toBe(false);
    isStopped = stops[count % stops.length]!;
    return isStopped ? 'stop' : 'continue';
  });
  const resume = () => {
    while (isStopped) {
      isStopped = false;
      assembler.resume();
    }
  };
  for (let at = 0, i = 0; at < stream.length; i++) {
    const to = Math.min(stream.length, at + cuts[i % cuts.length]!);
    const chunk = Buffer.from(stream.subarray(at, to));
    assembler.push(chunk);
    chunk.fill(0xee);
    if (i % 2 === 0) resume();
    at = to;
  }
  resume();
  expect(frames).toEqual(bodies.map((each) => Buffer.from(each).toString('hex')));
});

test('a frame within its chunk is handed on where it lies', () => {
  const stream = framed(Buffer.from('abc'));
  let seen: Buffer | null = null;
  const assembler = new FrameAssembler(OPTIONS, (frame) => {
    seen = frame;
    return 'continue';
  });
  assembler.push(stream);
  expect(seen!.buffer).toBe(stream.buffer);
});

test('an owned frame does not share the memory of its chunk', () => {
  const stream = framed(Buffer.from('abc'), Buffer.from('def'));
  const kept: Buffer[] = [];
  const assembler = new FrameAssembler({ ...OPTIONS, ownership: 'owned' }, (frame) => {
    kept.push(frame);
    return 'continue';
  });
  assembler.push(stream.subarray(0, 9));
  assembler.push(stream.subarray(9));
  stream.fill(0);
  expect(kept.map(String)).toEqual(['abc', 'def']);
});

test.each([-1, 0, 1024 * 1024 + 1, 0x7fffffff, -0x80000000])('a size of %i is refused', (bytes) => {
  const size = Buffer.alloc(4);
  size.writeInt32BE(bytes);
  expect(() => collect().assembler.push(size)).toThrow(FrameSizeError);
  // Also when the size field itself is cut.
  const { assembler } = collect();
  assembler.push(size.subarray(0, 3));
  expect(() => assembler.push(size.subarray(3))).toThrow(FrameSizeError);
});

test('a large claim takes memory only as bytes arrive', () => {
  const { assembler } = collect({ ...OPTIONS, frameBytesMax: 1024 ** 3 });
  const before = process.memoryUsage().arrayBuffers;
  const size = Buffer.alloc(5);
  size.writeInt32BE(1024 ** 3);
  assembler.push(size);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
  expect(assembler.heldBytes).toBe(1);
});

test('a hundred connections that each had a frame of a MiB hold next to nothing afterwards', () => {
  const frame = framed(Buffer.alloc(1024 * 1024 - 100, 1));
  const before = process.memoryUsage().arrayBuffers;
  const held = Array.from({ length: 100 }, () => {
    let frames = 0;
    const assembler = new FrameAssembler(OPTIONS, () => {
      frames++;
      return 'continue';
    });
    assembler.push(frame.subarray(0, 5000));
    assembler.push(frame.subarray(5000));
    expect(frames).toBe(1);
    return assembler;
  });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40 * 1024 * 1024);
  expect(held.every(({ heldBytes }) => heldBytes === 0)).toBe(true);
});
