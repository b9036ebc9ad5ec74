import { Command } from 'commander';
import type { Admin } from '../../client/admin/admin.ts';
import { UsageError, wholeNumber } from '../usage-error.ts';

/** `mqlab topics`: create, list, describe, alter and delete topics, with the flags of kafka-topics. */
interface Flags {
  readonly bootstrapServer: string;
  readonly topic?: string[];
  readonly partitions?: string;
  readonly replicationFactor?: string;
  readonly replicaAssignment?: string;
  readonly config: string[];
  readonly ifNotExists?: boolean;
  readonly ifExists?: boolean;
  readonly excludeInternal?: boolean;
  readonly unavailablePartitions?: boolean;
  readonly underReplicatedPartitions?: boolean;
  readonly topicsWithOverrides?: boolean;
  readonly json?: boolean;
  readonly create?: boolean;
  readonly list?: boolean;
  readonly describe?: boolean;
  readonly alter?: boolean;
  readonly delete?: boolean;
}

const ACTIONS = ['create', 'list', 'describe', 'alter', 'delete'] as const;
const TOPIC_SOURCE = 1;
const PARTITIONS_MAX = 0x7fff_ffff;
const REPLICAS_MAX = 0x7fff;

export function topicsCommand(): Command {
  const collect = (value: string, before: string[] = []): string[] => [...before, value];
  return new Command('topics')
    .description('create, list, describe, alter and delete topics')
    .option('--bootstrap-server <host:port>', 'where the cluster is', '127.0.0.1:9092')
    .option('--create', 'create a topic')
    .option('--list', 'names, one a line')
    .option('--describe', 'partitions and settings')
    .option('--alter', 'raise the number of partitions')
    .option('--delete', 'delete topics')
    .option('--topic <name>', 'the topic; may be repeated', collect)
    .option('--partitions <n>', "how many (default: the broker's)")
    .option('--replication-factor <n>', "how many replicas (default: the broker's)")
    .option('--replica-assignment <list>', 'brokers of each partition: 1:2,2:3')
    .option('--config <key=value>', 'a setting of the new topic; may be repeated', collect, [])
    .option('--if-not-exists', 'no error when the topic exists')
    .option('--if-exists', 'no error when the topic does not exist')
    .option('--exclude-internal', 'leave out the topics of the brokers themselves')
    .option('--unavailable-partitions', 'with --describe: only partitions without a leader')
    .option('--under-replicated-partitions', 'with --describe: only partitions with replicas out of sync')
    .option('--topics-with-overrides', 'with --describe: only topics with settings of their own')
    .option('--json', 'with --list and --describe: a JSON object for each topic')
    .action(async (flags: Flags) => {
      const asked = ACTIONS.filter((action) => flags[action]);
      if (asked.length !== 1) throw new UsageError(`exactly one of ${ACTIONS.map((each) => `--${each}`).join(', ')}`);
      const { Admin } = await import('../../client/admin/admin.ts');
      const { realPorts } = await import('../../ports/real/ports.ts');
      const admin = new Admin(realPorts(), { 'bootstrap.servers': flags.bootstrapServer });
      try {
        await ACTION[asked[0]!](admin, flags);
      } finally {
        await admin.close();
      }
    });
}

const ACTION: Readonly<Record<(typeof ACTIONS)[number], (admin: Admin, flags: Flags) => Promise<void>>> = {
  create,
  list,
  describe,
  alter,
  delete: remove,
};

function namesOf(flags: Flags): string[] {
  if (flags.topic === undefined) throw new UsageError('--topic is missing');
  return flags.topic.flatMap((each) => each.split(',')).filter((each) => each !== '');
}

async function create(admin: Admin, flags: Flags): Promise<void> {
  const configs: Record<string, string> = {};
  for (const each of flags.config) {
    const at = each.indexOf('=');
    if (at <= 0) throw new UsageError(`--config ${each}: key=value is expected`);
    configs[each.slice(0, at)] = each.slice(at + 1);
  }
  for (const name of namesOf(flags)) {
    const topic = {
      name,
      partitions: flags.partitions && wholeNumber('--partitions', flags.partitions, 1, PARTITIONS_MAX),
      replicationFactor:
        flags.replicationFactor && wholeNumber('--replication-factor', flags.replicationFactor, 1, REPLICAS_MAX),
      assignments: flags.replicaAssignment && parseAssignment(flags.replicaAssignment),
      configs,
    };
    const given = Object.fromEntries(Object.entries(topic).filter(([, value]) => value !== undefined));
    try {
      await admin.createTopics([given as { name: string }]);
      console.log(`Created topic ${name}.`);
    } catch (error) {
      if (flags.ifNotExists && kindOf(error) === 'TOPIC_ALREADY_EXISTS') continue;
      throw error;
    }
  }
}

function parseAssignment(text: string): number[][] {
  return text
    .split(',')
    .map((partition) => partition.split(':').map((id) => wholeNumber('--replica-assignment', id, 0, PARTITIONS_MAX)));
}

async function list(admin: Admin, flags: Flags): Promise<void> {
  for (const name of await admin.listTopics({ includeInternal: !flags.excludeInternal }))
    console.log(flags.json ? JSON.stringify({ name }) : name);
}

async function describe(admin: Admin, flags: Flags): Promise<void> {
  const names = flags.topic === undefined ? null : namesOf(flags);
  let topics: Awaited<ReturnType<Admin['describeTopics']>>;
  try {
    topics = await admin.describeTopics(names);
  } catch (error) {
    if (flags.ifExists && kindOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return;
    throw error;
  }
  const shown = topics.filter((topic) => !(flags.excludeInternal && topic.isInternal));
  const configs = await admin.describeConfigs(shown.map(({ name }) => ({ type: 'topic', name })));
  const onlyPartitions = flags.unavailablePartitions || flags.underReplicatedPartitions;
  for (const { name, topicId, partitions: all } of shown) {
    const own = (configs.get(`topic:${name}`) ?? []).filter((entry) => entry.source === TOPIC_SOURCE);
    if (flags.topicsWithOverrides && own.length === 0) continue;
    const partitions = all.filter(
      ({ leader, replicas, isr }) =>
        (!flags.unavailablePartitions || leader < 0) &&
        (!flags.underReplicatedPartitions || isr.length < replicas.length),
    );
    if (onlyPartitions && partitions.length === 0) continue;
    if (flags.json) {
      const settings = Object.fromEntries(own.map((each) => [each.name, each.value]));
      const shapes = partitions.map(({ index, leader, leaderEpoch, replicas, isr }) => ({
        partition: index,
        leader: leader < 0 ? null : leader,
        leaderEpoch,
        replicas,
        isr,
      }));
      console.log(JSON.stringify({ name, topicId, configs: settings, partitions: shapes }));
      continue;
    }
    const replicas = all[0]?.replicas.length ?? 0;
    const settings = own.map((each) => `${each.name}=${each.value}`).join(',');
    if (!onlyPartitions)
      console.log(
        `Topic: ${name}\tTopicId: ${topicId}\tPartitionCount: ${all.length}\tReplicationFactor: ${replicas}\tConfigs: ${settings}`,
      );
    if (flags.topicsWithOverrides) continue;
    for (const { index, leader, replicas: of, isr } of partitions) {
      const leaderText = leader < 0 ? 'none' : leader;
      console.log(
        `\tTopic: ${name}\tPartition: ${index}\tLeader: ${leaderText}\tReplicas: ${of.join(',')}\tIsr: ${isr.join(',')}`,
      );
    }
  }
}

async function alter(admin: Admin, flags: Flags): Promise<void> {
  if (flags.partitions === undefined) throw new UsageError('--alter needs --partitions');
  const count = wholeNumber('--partitions', flags.partitions, 1, PARTITIONS_MAX);
  for (const name of namesOf(flags)) {
    try {
      await admin.createPartitions(name, count);
    } catch (error) {
      if (flags.ifExists && kindOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION') continue;
      throw error;
    }
  }
}

async function remove(admin: Admin, flags: Flags): Promise<void> {
  for (const name of namesOf(flags)) {
    try {
      await admin.deleteTopics([name]);
    } catch (error) {
      if (flags.ifExists && kindOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION') continue;
      throw error;
    }
  }
}

function kindOf(error: unknown): string | null {
  return error instanceof Error && 'kind' in error ? String(error.kind) : null;
}
