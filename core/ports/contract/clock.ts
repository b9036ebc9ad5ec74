/** The contract of `Clock` and `Random`. */
import { expect, test } from 'vitest';
import { sleep } from '../clock.ts';
import type { OpenProcessPair } from './process-pair.ts';

export function clockContract(open: OpenProcessPair): void {
  test('a timer fires after its delay and never inside setTimer', async () => {
    const { run, server } = open();
    await run(async () => {
      const start = server.clock.monotonic();
      let fired = false;
      const done = new Promise<void>((resolve) => {
        server.clock.setTimer(5.5, () => {
          fired = true;
          resolve();
        });
      });
      expect(fired).toBe(false);
      await done;
      expect(server.clock.monotonic() - start).toBeGreaterThanOrEqual(5.4);
    });
  });

  test('timers of one due time fire in the order set, earlier ones first', async () => {
    const { run, server } = open();
    const order: string[] = [];
    await run(async () => {
      server.clock.setTimer(40, () => order.push('late'));
      for (const name of ['a', 'b', 'c']) server.clock.setTimer(4, () => order.push(name));
      await sleep(server.clock, 60);
    });
    expect(order).toEqual(['a', 'b', 'c', 'late']);
  });

  test('a cancelled timer never fires, and cancel is idempotent, also after the timer fired', async () => {
    const { run, server } = open();
    let fired = 0;
    await run(async () => {
      const cancelled = server.clock.setTimer(2, () => {
        fired += 100;
      });
      const kept = server.clock.setTimer(2, () => {
        fired += 1;
      });
      cancelled.cancel();
      cancelled.cancel();
      await sleep(server.clock, 12);
      kept.cancel();
    });
    expect(fired).toBe(1);
  });

  test('defer runs after the present event and in order', async () => {
    const { run, server } = open();
    const order: number[] = [];
    await run(
      () =>
        new Promise<void>((resolve) => {
          server.clock.defer(() => order.push(1));
          server.clock.defer(() => {
            order.push(2);
            resolve();
          });
          order.push(0);
        }),
    );
    expect(order).toEqual([0, 1, 2]);
  });

  test('now is an integer that goes with monotonic', async () => {
    const { run, server } = open();
    await run(async () => {
      const wall = server.clock.now();
      expect(Number.isInteger(wall)).toBe(true);
      await sleep(server.clock, 20);
      expect(server.clock.now() - wall).toBeGreaterThanOrEqual(18);
    });
  });

  test('random keeps its bounds', () => {
    const { random } = open().server;
    const seen = new Set<number>();
    for (let draw = 0; draw < 200; draw += 1) {
      seen.add(random.integer(5));
      const float = random.float();
      expect(float >= 0 && float < 1).toBe(true);
    }
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4]);
    expect(random.integer(1)).toBe(0);
    expect(random.integer(2 ** 32)).toBeLessThan(2 ** 32);
    expect(() => random.integer(0)).toThrow(RangeError);
    expect(random.bytes(37)).toHaveLength(37);
    const uuid = random.uuid();
    expect(uuid).toHaveLength(16);
    expect(uuid[6]! >> 4).toBe(4);
    expect(uuid[8]! >> 6).toBe(2);
    expect(random.uuid().equals(uuid)).toBe(false);
  });
}
