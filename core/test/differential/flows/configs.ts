// C54 and C55: settings told, set and taken back.
import { DescribeConfigs } from '../../../protocol/messages/32-describe-configs.ts';
import { AlterConfigs } from '../../../protocol/messages/33-alter-configs.ts';
import { IncrementalAlterConfigs } from '../../../protocol/messages/44-incremental-alter-configs.ts';
import { ListConfigResources } from '../../../protocol/messages/74-list-config-resources.ts';
import { each, type Flow, flow, step } from '../flow.ts';
import { topic } from './setup.ts';

const TOPIC = 2;
const BROKER = 4;
const LOGGER = 8;
const CLIENT_METRICS = 16;
const GROUP = 32;
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3] as const;

export const configs: readonly Flow[] = [
  flow('describe configs', each(DescribeConfigs), (v, name) => {
    const one = name('one');
    const ask = (
      what: string,
      resourceType: number,
      resourceName: string,
      configurationKeys: readonly string[] | null,
      extra: object = {},
    ) =>
      step(DescribeConfigs, v, { resources: [{ resourceType, resourceName, configurationKeys }], ...extra }, { what });
    return [
      ...topic(one, 1, { 'retention.ms': '12345678', 'cleanup.policy': 'compact,delete' }),
      ask('a topic, all', TOPIC, one, null),
      ask('a topic, all with synonyms', TOPIC, one, null, { includeSynonyms: true }),
      ask('some', TOPIC, one, ['retention.ms', 'no.such', 'segment.bytes'], { includeSynonyms: true }),
      ask('no keys', TOPIC, one, []),
      ask('an unknown topic', TOPIC, name('none'), null),
      ask('a bad topic', TOPIC, 'a:b', null),
      ask('an empty topic', TOPIC, '', null),
      ask(
        'a broker, some',
        BROKER,
        '1',
        ['message.max.bytes', 'node.id', 'ssl.keystore.password', 'log.cleaner.threads', 'listeners'].slice(0, 4),
        { includeSynonyms: true },
      ),
      ask('a broker, all', BROKER, '1', null),
      ask('the default broker', BROKER, '', null),
      ask('another broker', BROKER, '7', null),
      ask('no broker', BROKER, 'x', null),
      ask('a group', GROUP, name('group'), null, { includeSynonyms: true }),
      ask('an empty group', GROUP, '', null),
      ask('client metrics', CLIENT_METRICS, name('metrics'), null),
      ask('a logger', LOGGER, '1', ['no.such.logger']),
      ask('type 99', 99, 'x', null),
      step(
        DescribeConfigs,
        v,
        {
          resources: [1, 1].map(() => ({
            resourceType: TOPIC,
            resourceName: one,
            configurationKeys: ['retention.ms'],
          })),
        },
        { what: 'twice' },
      ),
      ...(v >= 3 ? [ask('with words', TOPIC, one, ['retention.ms'], { includeDocumentation: true })] : []),
    ];
  }),
  flow('alter configs', each(AlterConfigs), (v, name) => {
    const one = name('one');
    const set = (
      what: string,
      entries: Readonly<Record<string, string | null>>,
      extra: object = {},
      body: object = {},
    ) =>
      step(
        AlterConfigs,
        v,
        {
          resources: [
            {
              resourceType: TOPIC,
              resourceName: one,
              configs: Object.entries(entries).map(([key, value]) => ({ name: key, value })),
              ...extra,
            },
          ],
          validateOnly: false,
          ...body,
        },
        { what },
      );
    return [
      ...topic(one, 1, { 'retention.ms': '1000' }),
      set('only checked', { 'segment.ms': '100000' }, {}, { validateOnly: true }),
      set('replaced', { 'segment.ms': '200000' }),
      set('unknown setting', { 'no.such': '1' }),
      set('bad value', { 'segment.ms': 'soon' }),
      set('out of range', { 'min.cleanable.dirty.ratio': '1.5' }),
      set('null', { 'segment.ms': null }),
      set('unknown topic', { 'segment.ms': '1' }, { resourceName: name('none') }),
      set('bad topic', { 'segment.ms': '1' }, { resourceName: 'a:b' }),
      set('another broker', { 'message.max.bytes': '1' }, { resourceType: BROKER, resourceName: '9' }),
      set('no broker', { 'message.max.bytes': '1' }, { resourceType: BROKER, resourceName: 'x' }),
      set('type 99', {}, { resourceType: 99 }),
      step(
        DescribeConfigs,
        4,
        { resources: [{ resourceType: TOPIC, resourceName: one, configurationKeys: ['retention.ms', 'segment.ms'] }] },
        {
          until: ({ results }) =>
            results[0].configs.some(
              (config: { name: string; value: string }) => config.name === 'segment.ms' && config.value === '200000',
            ),
        },
      ),
    ];
  }),
  flow('incremental configs', each(IncrementalAlterConfigs), (v, name) => {
    const one = name('one');
    type Op = readonly [key: string, operation: number, value: string | null];
    const alter = (what: string, ops: readonly Op[], extra: object = {}, body: object = {}) =>
      step(
        IncrementalAlterConfigs,
        v,
        {
          resources: [
            {
              resourceType: TOPIC,
              resourceName: one,
              configs: ops.map(([key, configOperation, value]) => ({ name: key, configOperation, value })),
              ...extra,
            },
          ],
          validateOnly: false,
          ...body,
        },
        { what },
      );
    const shown = (what: string, key: string, value: string) =>
      step(
        DescribeConfigs,
        4,
        { resources: [{ resourceType: TOPIC, resourceName: one, configurationKeys: [key] }], includeSynonyms: true },
        {
          what,
          until: ({ results }) => results[0].configs[0].value === value,
        },
      );
    return [
      ...topic(one),
      alter('only checked', [['retention.ms', SET, '5000']], {}, { validateOnly: true }),
      alter('set', [['retention.ms', SET, '5000']]),
      shown('was set', 'retention.ms', '5000'),
      alter('append', [['cleanup.policy', APPEND, 'compact']]),
      shown('was appended', 'cleanup.policy', 'delete,compact'),
      alter('append again', [['cleanup.policy', APPEND, 'compact']]),
      alter('subtract', [['cleanup.policy', SUBTRACT, 'delete']]),
      shown('was subtracted', 'cleanup.policy', 'compact'),
      alter('subtract what is not there', [['cleanup.policy', SUBTRACT, 'delete']]),
      alter('delete', [['retention.ms', DELETE, null]]),
      shown('was deleted', 'retention.ms', '-1'),
      alter('append to a number', [['retention.ms', APPEND, '1']]),
      alter('set to null', [['retention.ms', SET, null]]),
      alter('operation 9', [['retention.ms', 9, '1']]),
      alter('twice', [
        ['retention.ms', SET, '1'],
        ['retention.ms', SET, '2'],
      ]),
      alter('unknown setting', [['no.such', SET, '1']]),
      alter('bad value', [['retention.ms', SET, 'x']]),
      alter('an element that is none', [['cleanup.policy', APPEND, 'nothing']]),
      alter('nothing', []),
      alter('unknown topic', [['retention.ms', SET, '1']], { resourceName: name('none') }),
      alter('another broker', [['message.max.bytes', SET, '1']], { resourceType: BROKER, resourceName: '9' }),
      alter('a static setting of the broker', [['node.id', SET, '2']], { resourceType: BROKER, resourceName: '1' }),
      alter('an unknown setting of the broker', [['no.such', SET, '1']], { resourceType: BROKER, resourceName: '1' }),
      alter('a bad value of the broker', [['message.max.bytes', SET, 'x']], {
        resourceType: BROKER,
        resourceName: '1',
      }),
      alter('a group', [['consumer.session.timeout.ms', SET, '46000']], {
        resourceType: GROUP,
        resourceName: name('group'),
      }),
      alter('a group, out of range', [['consumer.session.timeout.ms', SET, '1']], {
        resourceType: GROUP,
        resourceName: name('group'),
      }),
      alter('an unknown setting of a group', [['no.such', SET, '1']], {
        resourceType: GROUP,
        resourceName: name('group'),
      }),
      alter('client metrics', [['interval.ms', SET, '10000']], {
        resourceType: CLIENT_METRICS,
        resourceName: name('metrics'),
      }),
      alter('client metrics, bad', [['interval.ms', SET, '1']], {
        resourceType: CLIENT_METRICS,
        resourceName: name('metrics'),
      }),
      alter('client metrics, gone', [['interval.ms', DELETE, null]], {
        resourceType: CLIENT_METRICS,
        resourceName: name('metrics'),
      }),
      alter('a group, gone', [['consumer.session.timeout.ms', DELETE, null]], {
        resourceType: GROUP,
        resourceName: name('group'),
      }),
      alter('type 99', [['x', SET, '1']], { resourceType: 99 }),
      step(
        IncrementalAlterConfigs,
        v,
        {
          resources: [1, 2].map((i) => ({
            resourceType: TOPIC,
            resourceName: one,
            configs: [{ name: 'retention.ms', configOperation: SET, value: String(i) }],
          })),
          validateOnly: false,
        },
        { what: 'one resource twice' },
      ),
    ];
  }),
  flow('config resources', each(ListConfigResources), (v) => [
    ...(v >= 1 ? [[TOPIC], [BROKER], [GROUP], [CLIENT_METRICS], [LOGGER], [99]] : [[]]).map((resourceTypes) =>
      // Topics and groups of the flows beside this one come and go: only who is asked for is compared.
      step(ListConfigResources, v, v >= 1 ? { resourceTypes } : {}, {
        what: `types ${resourceTypes}`,
        isSetup: resourceTypes.some((type) => type !== BROKER && type !== LOGGER && type !== 99),
      }),
    ),
  ]),
];
