// The judge judged: random values, orders and clocks are no differences; anything else is one.
import { expect, test } from 'vitest';
import { Heartbeat } from '../../protocol/messages/12-heartbeat.ts';
import { CreateTopics } from '../../protocol/messages/19-create-topics.ts';
import { fill, type Json } from '../foreign/wire-probe.ts';
import { Aliases, differences, normalised } from './compare.ts';

function compared(ours: Json, kafka: Json, api = 'Metadata') {
  return differences(normalised(api, ours, new Aliases()), normalised(api, kafka, new Aliases()));
}

test('the same answer with other ids, ports, times and another order', () => {
  const answer = (id: string, other: string, port: number, time: number) => ({
    brokers: [{ nodeId: 1, host: '127.0.0.1', port }],
    topics: [
      { name: 'a', topicId: id },
      { name: 'b', topicId: other },
    ],
    members: [{ memberId: `x-${id}` }],
    lastTimestamp: time,
    errorMessage: `words about ${id}`,
  });
  const ours = answer('id-one', 'id-two', 4711, Date.now());
  const kafka = answer('3rd', '4th', 9092, Date.now() + 5000);
  expect(compared(ours, { ...kafka, topics: [...kafka.topics].reverse() })).toEqual([]);
});

test('a code, a missing field, one element more, and an id in the place of another are found', () => {
  const codes = (errorCode: number) => ({ topics: [{ name: 'a', errorCode }] });
  expect(compared(codes(0), codes(3))).toEqual([{ path: 'topics.a.errorCode', ours: 0, kafka: 3 }]);
  expect(compared({ a: 1 }, { a: 1, b: null })).toEqual([{ path: 'b', ours: undefined, kafka: null }]);
  expect(compared({ list: [1] }, { list: [1, 2] })).toEqual([{ path: 'list[1]', ours: undefined, kafka: 2 }]);
  const leads = (leader: string) => ({ leader, members: [{ memberId: 'm1' }], memberId: 'm2' });
  expect(compared(leads('m1'), leads('m1'))).toEqual([]);
  expect(compared(leads('m1'), leads('m2')).length).toBeGreaterThan(0);
});

test('zero ids, absent words and times that were given stay what they are', () => {
  expect(compared({ topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }, { topicId: 'x' })).toHaveLength(1);
  expect(compared({ errorMessage: null }, { errorMessage: 'why' })).toHaveLength(1);
  expect(compared({ timestamp: 1_600_000_000_000 }, { timestamp: 1_600_000_000_001 })).toHaveLength(1);
  expect(compared({ timestamp: -1 }, { timestamp: Date.now() })).toHaveLength(1);
});

test('the order of fetched partitions and of records says something', () => {
  const of = (...names: string[]) => ({ responses: names.map((topic) => ({ topic })) });
  expect(compared(of('a', 'b'), of('b', 'a'), 'Fetch').length).toBeGreaterThan(0);
  expect(compared(of('a', 'b'), of('b', 'a'), 'Produce')).toEqual([]);
});

test('bodies are filled with the fields of their version, and with no other', () => {
  const body = { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: 'i' };
  expect(fill(Heartbeat.request.fields, body, 2, false)).toEqual({ groupId: 'g', generationId: 1, memberId: 'm' });
  expect(fill(Heartbeat.request.fields, { ...body, groupInstanceId: undefined }, 4, true)).toMatchObject({
    groupInstanceId: null,
  });
  expect(() => fill(CreateTopics.request.fields, { topicz: [] }, 7, true)).toThrow('no field topicz');
});
