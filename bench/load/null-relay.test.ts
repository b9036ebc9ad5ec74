import { afterAll, beforeAll, expect, test } from 'vitest';
import { mqlab } from '../peers/mqlab/mqlab.ts';
import type { PeerDriver } from '../peers/peer.ts';
import { randomTextPayload } from './payload.ts';
import { loadPeer } from './peer-load.ts';
import { type ServerProcess, startNullRelay } from './server-process.ts';

let relay: ServerProcess;
let driver: PeerDriver;
beforeAll(async () => {
  relay = await startNullRelay();
  driver = ((await import(mqlab.driver.href)) as { default: PeerDriver }).default;
});
afterAll(() => relay.stop());

test('all that is sent is handed on, also while a consumer still waits for another topic', async () => {
  const [older, newer] = ['older', 'newer'].map((name) => ({ name, partitions: 1 })) as [
    { name: string; partitions: number },
    { name: string; partitions: number },
  ];
  const { bootstrap: address, pid } = relay;
  await driver.createTopics(address, [older, newer]);
  let strays = 0;
  const waits = await driver.openConsumer({
    address,
    assignment: [{ topic: older.name, partition: 0 }],
    onMessage: () => strays++,
  });
  try {
    const result = await loadPeer(
      { driver: mqlab.driver, address, pids: [pid] },
      {
        ...{ topics: [newer], acks: '1', keys: 'none', batchBytes: 16_384, lingerMs: 0, producers: 1, consumers: 1 },
        ...{ outstandingBytesMax: 1 << 20, recordsPerSecond: 500, warmupMs: 50, measureMs: 500, drainMsMax: 5_000 },
      },
      randomTextPayload(200, 1),
    );
    expect(result).toMatchObject({ failure: null, failed: 0, unfinished: 0 });
    expect(result.recordsConsumed).toBe(result.recordsSent);
    expect(result.endToEnd?.count).toBe(250);
  } finally {
    await waits.close();
  }
  expect(strays).toBe(0);
});
