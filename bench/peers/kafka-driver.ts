/** What drives every peer that speaks Kafka's protocol: the project's own client. The same code and the same settings for all of them. */
import { Admin } from '@mqlab/core/client/admin/admin.ts';
import { Consumer } from '@mqlab/core/client/consumer/consumer.ts';
import { Producer } from '@mqlab/core/client/producer/producer.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import type { PeerDriver, PeerTopic } from './peer.ts';

const POLL_MS = 100;
/** Topics of one request: a server works them off in one go. */
const TOPICS_AT_ONCE = 50;

async function withAdmin<T>(address: string, use: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Admin(realPorts(), { 'bootstrap.servers': address, 'request.timeout.ms': 60_000 });
  try {
    return await use(admin);
  } finally {
    await admin.close();
  }
}

function chunks<T>(all: readonly T[]): T[][] {
  const count = Math.ceil(all.length / TOPICS_AT_ONCE);
  return Array.from({ length: count }, (_, index) => all.slice(index * TOPICS_AT_ONCE, (index + 1) * TOPICS_AT_ONCE));
}

const driver: PeerDriver = {
  createTopics: (address, topics) =>
    withAdmin(address, async (admin) => {
      for (const some of chunks(topics))
        await admin.createTopics(
          some.map(({ name, partitions }) => ({
            name,
            partitions,
            replicationFactor: 1,
          })),
        );
    }),

  deleteTopics: (address, topics: readonly PeerTopic[]) =>
    withAdmin(address, async (admin) => {
      for (const some of chunks(topics)) await admin.deleteTopics(some.map(({ name }) => name));
    }),

  async openProducer({ address, topics, acks, batchBytes, lingerMs }) {
    const producer = new Producer(realPorts(), {
      'bootstrap.servers': address,
      'client.id': 'bench-producer',
      acks,
      'enable.idempotence': acks === 'all',
      'linger.ms': lingerMs,
      'batch.size': batchBytes,
      'buffer.memory': 64 * 1024 * 1024,
    });
    // Together, so that one request asks for all of them.
    await Promise.all(topics.map(({ name }) => producer.partitionsFor(name)));
    return {
      send(topic, partition, value, settled) {
        producer.send({ topic, partition, value }, settled);
      },
      close: () => producer.close({ timeoutMs: 5_000 }),
    };
  },

  async openConsumer({ address, assignment, onMessage }) {
    const consumer = new Consumer(realPorts(), {
      'bootstrap.servers': address,
      'client.id': 'bench-consumer',
      'auto.offset.reset': 'earliest',
      'max.poll.records': 5_000,
      'max.partition.fetch.bytes': 4 * 1024 * 1024,
    });
    consumer.assign(assignment.map(({ topic, partition }) => ({ topic, partition })));
    let isOpen = true;
    const polling = (async () => {
      while (isOpen) for (const { value } of await consumer.poll(POLL_MS)) if (value !== null) onMessage(value);
    })();
    // Whoever closes learns of what went wrong; until then nobody looks.
    polling.catch(() => {});
    return {
      close: async () => {
        isOpen = false;
        try {
          await polling;
        } finally {
          await consumer.close({ timeoutMs: 1_000 });
        }
      },
    };
  },
};

export default driver;
