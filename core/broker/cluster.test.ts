import { expect, test } from 'vitest';
import { Admin } from '../client/admin/admin.ts';
import { Consumer } from '../client/consumer/consumer.ts';
import { Producer } from '../client/producer/producer.ts';
import { withCluster } from './cluster-testing.ts';

test('three nodes: a topic is made, written, read; its leader dies, and nothing that was acknowledged is lost', async () => {
  await withCluster(3, {}, async (cluster) => {
    const { ports } = cluster;
    const bootstrap = { 'bootstrap.servers': cluster.bootstrap() };
    const admin = new Admin(ports, bootstrap);
    await admin.createTopics([
      { name: 'orders', partitions: 3, replicationFactor: 3, configs: { 'min.insync.replicas': '2' } },
    ]);
    const producer = new Producer(ports, bootstrap);
    const sent: string[] = [];
    const send = async (i: number): Promise<void> => {
      await producer.send({ topic: 'orders', partition: i % 3, value: `v${i}` });
      sent.push(`v${i}`);
    };
    for (let i = 0; i < 30; i++) await send(i);
    cluster.kill(1);
    for (let i = 30; i < 60; i++) await send(i);
    await cluster.start(1);
    for (let i = 60; i < 90; i++) await send(i);
    await producer.close();
    const consumer = new Consumer(ports, { ...bootstrap, 'group.id': 'g', 'auto.offset.reset': 'earliest' });
    consumer.subscribe(['orders']);
    const seen: string[] = [];
    await cluster.until(async () => {
      for (const { value } of await consumer.poll(200)) seen.push(value!.toString());
      return seen.length >= 90;
    }, 60_000);
    expect(seen.sort()).toEqual(sent.sort());
    await consumer.close();
    await admin.close();
  });
});
