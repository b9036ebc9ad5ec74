import { expect, test } from 'vitest';
import type { ClusterImage } from '../controller/image.ts';
import type { TopicToCreate } from '../controller/topic-decisions.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { brokerConfig } from './testing.ts';
import { TopicCreation } from './topic-creation.ts';

function open(brokerCount: number) {
  const topics = new Map<string, unknown>();
  const brokers = new Map(Array.from({ length: brokerCount }, (_, i) => [i + 1, { isFenced: i > 0 }]));
  const image = { topics, brokers } as unknown as ClusterImage;
  const asked: TopicToCreate[] = [];
  const controller = { answers: () => Promise.resolve(), isHere: true };
  const creation = new TopicCreation(
    image,
    {
      async createTopics(wanted) {
        asked.push(...wanted);
        await controller.answers();
        if (controller.isHere) for (const { name } of wanted) topics.set(name, {});
        return wanted.map(({ name }) => ({ name, errorCode: ErrorCode.NONE }) as never);
      },
    },
    brokerConfig(),
  );
  return { creation, asked, controller, topics };
}

const minInSync = ({ configs }: TopicToCreate) => configs.find(({ name }) => name === 'min.insync.replicas')?.value;

test.each([
  [1, 1, '1'],
  [2, 2, '2'],
  [3, 3, '2'],
  [5, 3, '2'],
])(
  'with %i registered brokers, fenced ones too, internal topics have %i replicas',
  async (brokers, replicas, inSync) => {
    const { creation, asked } = open(brokers);
    await Promise.all([
      creation.ensureOffsetsTopic(),
      creation.ensureTransactionTopic(),
      creation.ensureShareStateTopic(),
    ]);
    expect(asked.map(({ replicationFactor }) => replicationFactor)).toEqual([replicas, replicas, replicas]);
    expect(asked.map(minInSync)).toEqual([undefined, inSync, inSync]);
  },
);

test('many who need a topic ask for it once; one that is not known here yet does not exist; a controller that is away is no failure', async () => {
  const { creation, asked, controller, topics } = open(3);
  controller.isHere = false;
  const all = await Promise.all([creation.ensureOffsetsTopic(), creation.ensureOffsetsTopic()]);
  expect([all, asked.length]).toEqual([[false, false], 1]);
  controller.answers = () => Promise.reject(new Error('no controller'));
  expect(await creation.ensureOffsetsTopic()).toBe(false);
  topics.set('__consumer_offsets', {});
  expect(await creation.ensureOffsetsTopic()).toBe(true);
  expect(asked).toHaveLength(2);
});
