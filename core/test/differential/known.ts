// Where this broker answers otherwise than Apache Kafka, and why. A difference that no row here names fails the run.
// A row is as narrow as its reason.
import type { Difference } from './compare.ts';
import type { Pair } from './play.ts';

export interface Known {
  readonly reason: string;
  readonly api?: string | readonly string[];
  readonly path?: RegExp;
  readonly what?: RegExp;
  readonly flow?: RegExp;
  readonly versions?: (version: number) => boolean;
  readonly when?: (difference: Difference, pair: Pair) => boolean;
}

/** Settings whose value says where a broker runs, or which way it was started. */
const ownSettings =
  /\.configs\.(broker\.id|controller\.listener\.names|controller\.quorum\.voters|listener\.security\.protocol\.map|listeners|log\.dir|log\.dirs|process\.roles|node\.id)\./;

export const KNOWN: readonly Known[] = [
  {
    reason: 'We say in words what is wrong also where Kafka gives the code alone.',
    path: /[eE]rrorMessage$/,
    when: ({ ours, kafka }) => ours === 'some words' && kafka === null,
  },
  {
    reason:
      'Dynamic quorums (AddRaftVoter 80, RemoveRaftVoter 81) belong to the cluster; Kafka Streams’ own groups (88, 89) are not built.',
    api: 'ApiVersions',
    path: /^apiKeys\.(80|81|88|89)$/,
  },
  {
    reason:
      'The metadata log is written at metadata.version 25 (Kafka 4.0), and only what works is finalized: no eligible leader replicas (cluster), no streams groups, no dynamic quorum.',
    api: 'ApiVersions',
    path: /^(supportedFeatures|finalizedFeatures)\.(metadata\.version|eligible\.leader\.replicas\.version|streams\.version|kraft\.version)/,
  },
  {
    reason:
      'With eligible leader replicas Kafka sets min.insync.replicas for the whole cluster; without them it is a default.',
    api: ['CreateTopics', 'DescribeConfigs'],
    path: /configs\.min\.insync\.replicas\.(configSource|synonyms)/,
  },
  {
    reason: 'As above: Kafka has that one setting of all brokers.',
    api: 'DescribeConfigs',
    path: /^results\.\.configs$/,
    what: /^the default broker$/,
  },
  {
    reason:
      'Two names of one request that would share the name of a metric: here the second is refused, as it is by both when they come one after the other.',
    api: 'CreateTopics',
    what: /^a name that collides$/,
    path: /^topics\.topics_v\d_made\./,
  },
  {
    reason: 'A setting that has no effect here cannot be altered: whoever tries is told.',
    api: 'DescribeConfigs',
    path: /^results\.1\.configs\..*\.readOnly$/,
    when: ({ ours, kafka }) => ours === true && kafka === false,
  },
  {
    reason:
      'Where each broker runs, and how it was started: `mqlab broker` starts without a file, and without a listener for controllers.',
    api: 'DescribeConfigs',
    path: ownSettings,
  },
  {
    reason: 'Settings of the broker have their names for documentation here, no texts.',
    api: 'DescribeConfigs',
    path: /\.documentation$/,
    when: ({ ours }) => ours === null,
  },
  {
    reason:
      'A setting of the broker that nobody knows is refused, so that a slip is noticed; Kafka keeps it for plugins.',
    api: 'IncrementalAlterConfigs',
    what: /^an unknown setting of the broker$/,
  },
  {
    reason: 'Kafka fails over an operation it does not know (UNKNOWN_SERVER_ERROR); here it is an invalid request.',
    api: 'IncrementalAlterConfigs',
    what: /^operation 9$/,
  },
  {
    reason:
      'An expression is resolved in the heartbeat that brings it; Kafka does it beside, and the epoch rises with a later heartbeat.',
    api: ['ConsumerGroupHeartbeat', 'ConsumerGroupDescribe'],
    path: /([eE]poch)$/,
    flow: /^consumer group v1$/,
    what: /^(an expression|both|empty)$/,
  },
  {
    reason: 'The metadata logs have other lengths, and Kafka’s own leader was elected more often.',
    api: 'DescribeQuorum',
    path: /\.(leaderEpoch|highWatermark|logEndOffset)$/,
  },
  {
    reason: 'A quorum of one in the broker’s own process: it has a directory, and no listener of its own.',
    api: 'DescribeQuorum',
    path: /(replicaDirectoryId|\.listeners\.[A-Z]+)$/,
  },
  {
    reason:
      'A write under another transactional id is refused by the id (49): here each write of a transaction is verified; Kafka leaves out what the log knows to be open, and finds the sequence wrong.',
    api: 'Produce',
    what: /^of another id$/,
  },
  {
    reason: 'Kafka leaves this unanswered (its persister fails over a partition that the topic does not have).',
    api: 'DescribeShareGroupOffsets',
    what: /^unknown partition$/,
    when: (_, { kafka }) => kafka.kind === 'timeout',
  },
  {
    reason: 'A batch that contradicts itself is refused before the log is asked where it begins.',
    api: 'Produce',
    what: /^a negative sequence$/,
    path: /logStartOffset$/,
  },
];

export function explain(pair: Pair, difference: Difference): Known | undefined {
  return KNOWN.find(
    (each) =>
      (each.api === undefined || each.api === pair.api || (Array.isArray(each.api) && each.api.includes(pair.api))) &&
      (each.path?.test(difference.path) ?? true) &&
      (each.what?.test(pair.what) ?? true) &&
      (each.flow?.test(pair.flow) ?? true) &&
      (each.versions?.(pair.version) ?? true) &&
      (each.when?.(difference, pair) ?? true),
  );
}
