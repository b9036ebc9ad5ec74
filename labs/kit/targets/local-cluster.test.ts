import { expect, test } from 'vitest';
import { openLocalTarget } from './local-target.ts';

/** Whoever goes down may be the active controller. */
const ELECTED = { timeout: 30_000, interval: 50 };

test('real processes: nodes by number go down and come back, with small disks under them', async () => {
  const target = await openLocalTarget({ seed: 1, brokers: 3, diskBytes: 64 * 1024 * 1024 });
  try {
    expect(target.nodes.map((node) => node.id)).toEqual([1, 2, 3]);
    expect(target.can('fill-disk')).toBe(true);
    expect(target.can('clock-skew')).toBe(false);
    await target.run(async () => {
      await expect.poll(() => target.controller(), ELECTED).not.toBe(null);
      await target.killBroker(2);
      await target.startBroker(2);
      target.pauseBroker(3);
      await expect.poll(() => target.controller(), ELECTED).not.toBe(null);
      target.cutNodes(1, 2);
      target.slowLink(1, 3, { latencyMs: 20 });
      await target.fillDisk(1);
      await target.heal();
      await expect.poll(() => target.controller(), ELECTED).not.toBe(null);
      await target.stopBroker(1);
      await target.startBroker(1);
    });
    expect(() => target.setClock(1, { skewMs: 1 })).toThrow('target local cannot clock-skew');
  } finally {
    await target.close();
  }
}, 120_000);
