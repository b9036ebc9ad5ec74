import { expect, test } from 'vitest';
import { Admin } from '../client/admin/admin.ts';
import { Producer } from '../client/producer/producer.ts';
import { withCluster } from './cluster-testing.ts';

test('flush.messages=1: a follower says at once that its records are on the device, also while it follows other partitions that have nothing new', async () => {
  await withCluster(3, {}, async ({ ports, bootstrap }) => {
    const servers = { 'bootstrap.servers': bootstrap() };
    const admin = new Admin(ports, servers);
    await admin.createTopics([
      { name: 'quiet', assignments: [[1, 2, 3]] },
      { name: 'flushed', assignments: [[1, 2, 3]], configs: { 'flush.messages': '1' } },
    ]);
    const producer = new Producer(ports, { ...servers, 'linger.ms': 0 });
    await producer.send({ topic: 'flushed', partition: 0, value: 'first' });
    const began = ports.clock.monotonic();
    for (let i = 0; i < 10; i++) await producer.send({ topic: 'flushed', partition: 0, value: `v${i}` });
    // Far below replica.fetch.wait.max.ms for each.
    expect(ports.clock.monotonic() - began).toBeLessThan(500);
    await producer.close();
    await admin.close();
  });
});
