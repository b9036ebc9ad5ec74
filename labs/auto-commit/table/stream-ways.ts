/** Ways of @platformatic/kafka: a stream of messages, which commits by itself or by `message.commit()`. */
import { Consumer as StreamConsumer, stringDeserializers } from '@platformatic/kafka';
import type { Way, WaySettings } from './ways.ts';

const stream =
  (autocommit: (settings: WaySettings) => { autocommit?: boolean | number }, commits = false): Way =>
  async (settings, shift, whenEnding) => {
    const consumer = new StreamConsumer({
      clientId: 'mqlab',
      bootstrapBrokers: [settings.bootstrap],
      groupId: settings.group,
      deserializers: stringDeserializers,
      ...autocommit(settings),
    });
    const messages = await consumer.consume({ topics: [settings.topic], mode: 'committed', fallbackMode: 'earliest' });
    let isClosed: Promise<unknown> | null = null;
    void whenEnding.then(() => {
      isClosed = messages.close();
      return isClosed;
    });
    for await (const message of messages) {
      const { topic, partition } = message;
      const record = { topic, partition, offset: Number(message.offset) };
      if (shift.isEnding) break;
      shift.polled([record]);
      await shift.work(record);
      if (commits) await message.commit();
    }
    await isClosed;
    await consumer.close(true);
  };

export const ways: Readonly<Record<string, Way>> = {
  'platformatic-stream': stream(() => ({})),
  'platformatic-interval': stream(({ intervalMs }) => ({ autocommit: intervalMs })),
  'platformatic-commit': stream(() => ({ autocommit: false }), true),
};
