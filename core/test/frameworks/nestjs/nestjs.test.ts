// NestJS over its Kafka transport (kafkajs): two instances of a service in one group, and a desk that emits events and sends requests.
// What must hold: every event is handled once by the group, in the order of its partition, also where a handler refused it first; every
// request gets its own answer or its own error through the reply topics; what was handled is committed when the service goes.
import type { INestApplicationContext, INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type MicroserviceOptions, Transport } from '@nestjs/microservices';
import kafkajs, { type Admin } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { flights } from '../../foreign/flights.ts';
import { eventually, type ForeignBroker, freshName, startBroker } from '../../foreign/harness.ts';
import { Desk, DeskModule, FlightsModule, type Landing, Logbook } from './flights.ts';

const partitionCount = 2;
const landings: readonly Landing[] = flights(1000).map(({ n, key, value }) => {
  const { delay } = JSON.parse(value) as { readonly delay: number };
  return { n, origin: key, delay };
});
/** So many are told one by one, the rest in one batch. */
const toldSingly = 100;

describe('NestJS microservice', () => {
  const groupId = freshName('flights');
  const topics = ['flights.landed', 'flights.delays', 'flights.gate', 'flights.delays.reply', 'flights.gate.reply'];
  const logbook = new Logbook();
  const services: INestMicroservice[] = [];
  let broker: ForeignBroker;
  let admin: Admin;
  let application: INestApplicationContext;
  let desk: Desk;

  beforeAll(async () => {
    broker = await startBroker();
    admin = new kafkajs.Kafka({ brokers: [broker.bootstrap], logLevel: kafkajs.logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.createTopics({ topics: topics.map((topic) => ({ topic, numPartitions: partitionCount })) });
    for (const clientId of ['one', 'two']) services.push(await service(clientId));
    application = await NestFactory.createApplicationContext(DeskModule.at(broker.bootstrap, groupId), {
      logger: false,
    });
    desk = application.get(Desk);
  });

  afterAll(async () => {
    await application?.close();
    for (const each of services) await each.close();
    await admin?.disconnect();
    await broker?.dispose();
  });

  async function service(clientId: string): Promise<INestMicroservice> {
    const made = await NestFactory.createMicroservice<MicroserviceOptions>(FlightsModule.on(logbook), {
      logger: false,
      transport: Transport.KAFKA,
      options: {
        client: { clientId, brokers: [broker.bootstrap] },
        consumer: {
          groupId,
          maxWaitTimeInMs: 50,
          heartbeatInterval: 300,
          retry: { initialRetryTime: 20, retries: 10 },
        },
        subscribe: { fromBeginning: true },
        run: { autoCommitThreshold: 50 },
      },
    });
    await made.listen();
    return made;
  }

  test('events: each is handled once, in order, also where the handler asked for it again', async () => {
    for (const landing of landings.slice(0, toldSingly)) await desk.tell(landing);
    await desk.tellAll(landings.slice(toldSingly));
    await eventually('every landing', () => logbook.entries.length >= landings.length);
    expect(logbook.entries.map(({ n }) => n).sort((a, b) => a - b)).toEqual(landings.map(({ n }) => n));
    for (let partition = 0; partition < partitionCount; partition++) {
      const here = logbook.entries.filter((entry) => entry.partition === partition);
      expect(here.map(({ offset }) => Number(offset))).toEqual(here.map((_, i) => i));
      expect(here.map(({ n }) => n)).toEqual(here.map(({ n }) => n).sort((a, b) => a - b));
    }
    expect(logbook.refusals).toBe(landings.filter(({ n }) => n % 100 === 13).length);
    expect(logbook.entries.filter(({ source }) => source === 'desk')).toHaveLength(toldSingly);
  });

  test('the group: both instances have a share of the partitions', async () => {
    const { groups } = await admin.describeGroups([`${groupId}-server`]);
    expect(groups[0]).toMatchObject({ state: 'Stable', protocol: 'RoundRobinAssigner' });
    const owners = groups[0]!.members.map(
      ({ memberAssignment }) => kafkajs.AssignerProtocol.MemberAssignment.decode(memberAssignment)!.assignment,
    );
    expect(owners).toHaveLength(services.length);
    for (const assignment of owners) expect(assignment['flights.landed']).toHaveLength(1);
  });

  test('requests: each gets its own answer, and an unknown airport its own error', async () => {
    const origins = [...new Set(landings.map(({ origin }) => origin))];
    const answers = await Promise.all(origins.map((origin) => desk.delays(origin)));
    for (const [i, origin] of origins.entries()) {
      const some = landings.filter((landing) => landing.origin === origin);
      const delayMinutes = some.reduce((sum, { delay }) => sum + delay, 0);
      expect(answers[i]).toEqual({ origin, landings: some.length, delayMinutes });
    }
    await expect(desk.delays('XYZ')).rejects.toMatchObject({ message: 'no flight from XYZ' });
  });

  test('a request that is refused at first is answered when it comes again', async () => {
    const refusals = logbook.refusals;
    expect(await Promise.all([1, 2, 3].map((n) => desk.gate(n)))).toEqual([1, 2, 3].map((n) => `flights.gate ${n}`));
    expect(logbook.refusals).toBe(refusals + 3);
  });

  test('what was handled is committed when the service goes', async () => {
    for (const each of services.splice(0)) await each.close();
    const committed = await admin.fetchOffsets({ groupId: `${groupId}-server`, topics });
    for (const topic of ['flights.landed', 'flights.delays', 'flights.gate']) {
      const ends = await admin.fetchTopicOffsets(topic);
      const { partitions } = committed.find((each) => each.topic === topic)!;
      const at = (partition: number): number =>
        Math.max(0, Number(partitions.find((each) => each.partition === partition)?.offset));
      expect(
        ends.map(({ partition }) => at(partition)),
        topic,
      ).toEqual(ends.map(({ high }) => Number(high)));
    }
  });
});
