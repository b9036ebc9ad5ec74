/** Ways of the project's own client, which has the Java client's semantics. */
import { Consumer as OwnConsumer } from '@mqlab/core/client/consumer/consumer.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import type { Way, WaySettings } from './ways.ts';
import { queueOf } from './work-queue.ts';

const POLL_MS = 50;

function ownConsumer({ bootstrap, topic, group, intervalMs }: WaySettings, autoCommit = true): OwnConsumer {
  const consumer = new OwnConsumer(realPorts(), {
    'bootstrap.servers': bootstrap,
    'group.id': group,
    'auto.offset.reset': 'earliest',
    ...(autoCommit ? { 'auto.commit.interval.ms': intervalMs } : { 'enable.auto.commit': false }),
  });
  consumer.subscribe([topic]);
  return consumer;
}

const ownLoop =
  (leavesMidBatch: boolean): Way =>
  async (settings, shift) => {
    const consumer = ownConsumer(settings);
    while (!shift.isEnding) {
      const records = await consumer.poll(POLL_MS);
      shift.polled(records);
      for (const record of records) {
        if (leavesMidBatch && shift.isEnding) break;
        await shift.work(record);
      }
    }
    await consumer.close();
  };

const ownQueue: Way = async (settings, shift) => {
  const consumer = ownConsumer(settings);
  const queue = queueOf(shift);
  while (!shift.isEnding) {
    const records = await consumer.poll(POLL_MS);
    shift.polled(records);
    queue.push(records);
  }
  await consumer.close();
};

const ownFinished: Way = async (settings, shift) => {
  const consumer = ownConsumer(settings, false);
  let next: { topic: string; partition: number; offset: number } | null = null;
  const queue = queueOf(shift, ({ topic, partition, offset }) => {
    next = { topic, partition, offset: offset + 1 };
  });
  const commit = async (): Promise<void> => {
    if (next !== null) await consumer.commitSync([next]);
    next = null;
  };
  while (!shift.isEnding) {
    const records = await consumer.poll(POLL_MS);
    shift.polled(records);
    queue.push(records);
    await commit();
  }
  await queue.settled();
  await commit();
  await consumer.close();
};

export const ways: Readonly<Record<string, Way>> = {
  'mqlab-finish': ownLoop(false),
  'mqlab-leave': ownLoop(true),
  'mqlab-queue': ownQueue,
  'mqlab-finished': ownFinished,
};
