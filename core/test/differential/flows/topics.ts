// C8–C15: metadata, topics made, grown and deleted.
import { Metadata } from '../../../protocol/messages/03-metadata.ts';
import { CreateTopics } from '../../../protocol/messages/19-create-topics.ts';
import { DeleteTopics } from '../../../protocol/messages/20-delete-topics.ts';
import { CreatePartitions } from '../../../protocol/messages/37-create-partitions.ts';
import { DescribeCluster } from '../../../protocol/messages/60-describe-cluster.ts';
import { DescribeTopicPartitions } from '../../../protocol/messages/75-describe-topic-partitions.ts';
import { each, type Flow, flow, type Play, step } from '../flow.ts';
import { topic, UNKNOWN_ID } from './setup.ts';

const wanted = (name: string, extra: object = {}) => ({
  name,
  numPartitions: 2,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...extra,
});

export const topics: readonly Flow[] = [
  flow('metadata', each(Metadata), (v, name) => {
    const one = name('one');
    const steps: Play[] = [
      ...topic(one, 3),
      step(Metadata, v, { topics: [{ name: one }] }),
      step(Metadata, v, { topics: [{ name: name('none') }], allowAutoTopicCreation: false }, { what: 'unknown' }),
      step(
        Metadata,
        v,
        { topics: [{ name: name('none') }], allowAutoTopicCreation: true },
        { what: 'unknown, to be made', retried: [] },
      ),
      step(Metadata, v, { topics: [{ name: 'bad:name' }], allowAutoTopicCreation: false }, { what: 'a bad name' }),
      step(Metadata, v, { topics: [{ name: '' }], allowAutoTopicCreation: false }, { what: 'an empty name' }),
      step(Metadata, v, { topics: [{ name: one }, { name: one }] }, { what: 'twice' }),
    ];
    if (v >= 1) steps.push(step(Metadata, v, { topics: [] }, { what: 'none' }));
    if (v >= 8) {
      const authorized = {
        includeTopicAuthorizedOperations: true,
        ...(v <= 10 ? { includeClusterAuthorizedOperations: true } : {}),
      };
      steps.push(step(Metadata, v, { topics: [{ name: one }], ...authorized }, { what: 'operations' }));
    }
    if (v >= 12) {
      steps.push(
        step(Metadata, v, (vars) => ({ topics: [{ name: null, topicId: vars[one] }] }), { what: 'by id' }),
        step(Metadata, v, { topics: [{ name: null, topicId: UNKNOWN_ID }] }, { what: 'by an unknown id' }),
      );
    }
    return steps;
  }),
  flow('topics', each(CreateTopics), (v, name) => {
    const create = (what: string, topics: readonly object[], extra: object = {}) =>
      step(CreateTopics, v, { topics, timeoutMs: 10_000, ...extra }, { what });
    const at = (...brokers: number[][]) => brokers.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds }));
    const placed = { numPartitions: -1, replicationFactor: -1 };
    return [
      create('only checked', [wanted(name('checked'))], { validateOnly: true }),
      create('', [wanted(name('made'), { configs: [{ name: 'retention.ms', value: '1234567' }] })]),
      create('again', [wanted(name('made'))]),
      create('twice in one request', [wanted(name('twice')), wanted(name('twice'))]),
      create('by assignment', [wanted(name('placed'), { ...placed, assignments: at([1], [1]) })]),
      create('assignment and counts', [wanted(name('both'), { assignments: at([1]) })]),
      create('assignment with a gap', [
        wanted(name('gap'), { ...placed, assignments: [{ partitionIndex: 1, brokerIds: [1] }] }),
      ]),
      create('assignment to nobody', [wanted(name('nobody'), { ...placed, assignments: at([7]) })]),
      create('assignment twice to one', [wanted(name('double'), { ...placed, assignments: at([1, 1]) })]),
      create('assignment without brokers', [wanted(name('empty'), { ...placed, assignments: at([]) })]),
      create('bad name', [wanted('a:b'), wanted(''), wanted('.'), wanted('..'), wanted('x'.repeat(250))]),
      create('no partitions', [wanted(name('zero'), { numPartitions: 0 })]),
      create('fewer than no partitions', [wanted(name('minus'), { numPartitions: -2 })]),
      create('too many replicas', [wanted(name('replicas'), { replicationFactor: 2 })]),
      create('no replicas', [wanted(name('unreplicated'), { replicationFactor: 0 })]),
      create('unknown setting', [wanted(name('unknown'), { configs: [{ name: 'no.such', value: '1' }] })]),
      create('bad setting', [wanted(name('bad'), { configs: [{ name: 'retention.ms', value: 'x' }] })]),
      create('null setting', [wanted(name('null'), { configs: [{ name: 'retention.ms', value: null }] })]),
      create('small segments', [wanted(name('small'), { configs: [{ name: 'segment.bytes', value: '1000' }] })]),
      create('a name that collides', [
        wanted(name('made').replaceAll('-', '.')),
        wanted(name('made').replaceAll('-', '_')),
      ]),
      ...(v >= 4 ? [create('the defaults', [wanted(name('defaults'), placed)])] : []),
      step(
        Metadata,
        12,
        { topics: [{ name: name('made') }, { name: name('placed') }] },
        {
          until: ({ topics }) => topics.every((each: { errorCode: number }) => each.errorCode === 0),
        },
      ),
    ];
  }),
  flow('delete topics', each(DeleteTopics), (v, name) => {
    const remove = (what: string, names: readonly string[]) =>
      step(
        DeleteTopics,
        v,
        v >= 6
          ? { topics: names.map((each) => ({ name: each })), timeoutMs: 10_000 }
          : { topicNames: names, timeoutMs: 10_000 },
        { what },
      );
    const one = name('one');
    return [
      ...topic(one, 2),
      ...topic(name('two')),
      remove('unknown', [name('none')]),
      remove('', [one]),
      remove('again', [one]),
      step(
        Metadata,
        12,
        { topics: [{ name: one }], allowAutoTopicCreation: false },
        {
          what: 'gone',
          until: ({ topics }) => topics[0].errorCode !== 0,
        },
      ),
      ...(v >= 6
        ? [
            step(
              DeleteTopics,
              v,
              { topics: [{ name: null, topicId: UNKNOWN_ID }], timeoutMs: 1000 },
              { what: 'unknown id' },
            ),
            step(
              DeleteTopics,
              v,
              (vars) => ({ topics: [{ name: name('two'), topicId: vars[name('two')] }], timeoutMs: 1000 }),
              {
                what: 'name and id',
              },
            ),
            step(
              DeleteTopics,
              v,
              (vars) => ({ topics: [{ name: null, topicId: vars[name('two')] }], timeoutMs: 1000 }),
              {
                what: 'by id',
              },
            ),
          ]
        : [remove('twice', [name('two'), name('two')])]),
    ];
  }),
  flow('create partitions', each(CreatePartitions), (v, name) => {
    const one = name('one');
    const grow = (what: string, count: number, extra: object = {}, body: object = {}) =>
      step(
        CreatePartitions,
        v,
        { topics: [{ name: one, count, assignments: null, ...extra }], timeoutMs: 5000, ...body },
        { what },
      );
    return [
      ...topic(one, 2),
      grow('only checked', 4, {}, { validateOnly: true }),
      grow('fewer', 1),
      grow('the same', 2),
      grow('none', 0),
      grow('unknown', 3, { name: name('none') }),
      grow('to nobody', 3, { assignments: [{ brokerIds: [9] }] }),
      grow('too many assignments', 3, { assignments: [{ brokerIds: [1] }, { brokerIds: [1] }] }),
      grow('two replicas', 3, { assignments: [{ brokerIds: [1, 1] }] }),
      grow('placed', 3, { assignments: [{ brokerIds: [1] }] }),
      grow('', 5),
      step(
        CreatePartitions,
        v,
        { topics: [0, 0].map(() => ({ name: one, count: 6, assignments: null })), timeoutMs: 5000 },
        { what: 'twice' },
      ),
      step(Metadata, 12, { topics: [{ name: one }] }, { until: ({ topics }) => topics[0].partitions.length === 5 }),
    ];
  }),
  flow('cluster', each(DescribeCluster), (v) => [
    step(DescribeCluster, v, {}),
    step(DescribeCluster, v, { includeClusterAuthorizedOperations: true }, { what: 'operations' }),
    ...(v >= 1
      ? [
          step(DescribeCluster, v, { endpointType: 2 }, { what: 'controllers' }),
          step(DescribeCluster, v, { endpointType: 9 }, { what: 'endpoints 9' }),
        ]
      : []),
    ...(v >= 2 ? [step(DescribeCluster, v, { includeFencedBrokers: true }, { what: 'fenced ones' })] : []),
  ]),
  flow('topic partitions', each(DescribeTopicPartitions), (v, name) => {
    const [a, b] = [name('a'), name('b')];
    const list = (
      what: string,
      names: readonly string[],
      responsePartitionLimit = 2000,
      cursor: object | null = null,
    ) =>
      step(
        DescribeTopicPartitions,
        v,
        { topics: names.map((each) => ({ name: each })), responsePartitionLimit, cursor },
        { what },
      );
    return [
      ...topic(a, 3),
      ...topic(b, 2),
      list('', [a, b]),
      list('the other way round', [b, a]),
      list('unknown', [a, name('none')]),
      list('bad name', ['a:b']),
      list('the first two', [a, b], 2),
      list('across', [a, b], 4),
      list('from a cursor', [a, b], 2, { topicName: a, partitionIndex: 2 }),
      list('from another topic', [a, b], 2000, { topicName: b, partitionIndex: 0 }),
      list('a cursor behind', [a, b], 2000, { topicName: b, partitionIndex: 9 }),
      list('a limit of none', [a], 0),
      list('a negative cursor', [a], 2000, { topicName: a, partitionIndex: -1 }),
    ];
  }),
];
