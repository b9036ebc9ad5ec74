// The consumer group protocol (KIP-848) as foreign clients speak it: @platformatic/kafka, and the Java consumer behind Kafka's console consumer.
import { Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ListGroups } from '../../protocol/messages/16-list-groups.ts';
import { createTopic, findCoordinator, Wire } from '../behaviours/wire.ts';
import { disposeClean } from './data-folder.ts';
import { eventually, type ForeignBroker, freshName, owned, skipped, startBroker } from './harness.ts';
import { dataFiles, dumpLog, java, kafkaClasspath } from './java.ts';

const messageCount = 40;

describe('the consumer group protocol', { timeout: 60_000 }, () => {
  let broker: ForeignBroker;
  let wire: Wire;
  let topic: string;
  const open: { close(force?: boolean): Promise<unknown> }[] = [];

  beforeAll(async () => {
    broker = await startBroker({
      set: {
        'group.consumer.min.heartbeat.interval.ms': 100,
        'group.consumer.heartbeat.interval.ms': 300,
        'group.consumer.assignment.interval.ms': 0,
      },
    });
    wire = await Wire.open(broker);
    await findCoordinator(wire, 'first');
    topic = freshName('protocol');
    await createTopic(wire, topic, 4);
    const producer = new Producer({
      clientId: 'protocol',
      bootstrapBrokers: [broker.bootstrap],
      serializers: stringSerializers,
    });
    open.push(producer);
    const messages = Array.from({ length: messageCount }, (_, i) => ({ topic, partition: i % 4, value: String(i) }));
    await producer.send({ messages });
  });
  afterAll(async () => {
    await Promise.allSettled(open.map((one) => one.close(true)));
    wire?.close();
    await disposeClean(broker, 'consumer-protocol');
  });

  const kindOf = async (group: string) => {
    const { groups } = await wire.ask(ListGroups, 5, { statesFilter: [], typesFilter: [] });
    const found = groups.find((each) => each.groupId === group);
    return found && `${found.groupType} ${found.groupState}`;
  };

  test('@platformatic/kafka: two members share the partitions and read everything', async () => {
    const group = freshName('platformatic');
    const seen = new Set<string>();
    const make = async () => {
      const consumer = new Consumer({
        clientId: 'protocol',
        groupId: group,
        groupProtocol: 'consumer',
        bootstrapBrokers: [broker.bootstrap],
        deserializers: stringDeserializers,
        maxWaitTime: 200,
      });
      open.push(consumer);
      const stream = await consumer.consume({ topics: [topic], mode: 'earliest' });
      stream.on('data', (message) => void seen.add(message.value));
      return consumer;
    };
    const both = [await make(), await make()];
    const shares = () => both.map((each) => each.assignments?.[0]?.partitions.length ?? 0);
    await eventually('each has half', () => shares().every((count) => count === 2));
    await eventually('all was read', () => seen.size === messageCount);
    await eventually('the group is stable', async () => (await kindOf(group)) === 'consumer Stable');
  });

  const at = kafkaClasspath();
  test.skipIf('missing' in at && skipped('the Java consumer', at.missing))(
    'Java: the console consumer reads everything, the group and its offsets are described, dump-log reads its records',
    async () => {
      const group = freshName('java');
      const server = ['--bootstrap-server', broker.bootstrap];
      const consumed = await java('consumer', [
        ...server,
        ...['--topic', topic, '--group', group, '--from-beginning', '--max-messages', String(messageCount)],
        ...['--timeout-ms', '20000', '--command-property', 'group.protocol=consumer'],
      ]);
      const values = consumed.stdout.split('\n').filter((line) => /^\d+$/.test(line));
      expect(new Set(values).size, consumed.stderr).toBe(messageCount);
      expect(await kindOf(group)).toBe('consumer Empty');
      const [described, dumped] = await Promise.all([
        java('groups', [...server, '--describe', '--group', group]),
        owned ? dumpLog(dataFiles(broker.dataDir).offsets, '--offsets-decoder') : null,
      ]);
      expect(described.stdout.split('\n').filter((line) => line.startsWith(group)).length).toBe(4);
      if (dumped === null) return;
      expect(dumped.complaints).toEqual([]);
      for (const type of [3, 5, 6, 7, 8]) expect(dumped.stdout).toContain(`"type":"${type}"`);
      expect(dumped.stdout).toContain(group);
    },
  );
});
