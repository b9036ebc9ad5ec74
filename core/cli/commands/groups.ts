import { Command } from 'commander';
import type { Admin, GroupDescription } from '../../client/admin/admin.ts';
import type { PartitionOffset } from '../../client/consumer/offsets.ts';
import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP } from '../../client/consumer/timestamps.ts';
import { comparePartitions, keyOf, type TopicPartition } from '../../client/consumer/topic-partition.ts';
import { bootstrapServers, collect } from '../client-options.ts';
import { table } from '../table.ts';
import { UsageError, wholeNumber } from '../usage-error.ts';

/** `mqlab groups`: list, describe and delete groups of every kind, and move what they have committed. Flags of Kafka's kafka-consumer-groups. */
interface Options {
  readonly bootstrapServer?: string;
  readonly list?: boolean;
  readonly describe?: boolean;
  readonly delete?: boolean;
  readonly resetOffsets?: boolean;
  readonly group: readonly string[];
  readonly allGroups?: boolean;
  readonly members?: boolean;
  readonly state?: boolean;
  readonly topic: readonly string[];
  readonly allTopics?: boolean;
  readonly toEarliest?: boolean;
  readonly toLatest?: boolean;
  readonly toCurrent?: boolean;
  readonly toDatetime?: string;
  readonly toOffset?: string;
  readonly shiftBy?: string;
  readonly dryRun?: boolean;
  readonly execute?: boolean;
  readonly json?: boolean;
}

export function groupsCommand(): Command {
  return new Command('groups')
    .description('list, describe, delete groups of every kind; reset their offsets')
    .option('--bootstrap-server <servers>', 'HOST:PORT, several with commas')
    .option('--list', 'the groups, with their states')
    .option('--describe', 'positions and lag; with --members the members, with --state the state')
    .option('--delete', 'delete groups that have no members')
    .option('--reset-offsets', 'move the committed offsets of a group that has no members')
    .option('--group <id>', 'which group; may be given many times', collect, [])
    .option('--all-groups', 'every group')
    .option('--members', 'with --describe: the members')
    .option('--state', 'with --describe: the state')
    .option('--topic <name[:partitions]>', 'with --reset-offsets: which topics, such as t or t:0,2', collect, [])
    .option('--all-topics', 'with --reset-offsets: every topic that the group has committed')
    .option('--to-earliest', 'to the first offset')
    .option('--to-latest', 'to the end')
    .option('--to-current', 'to what is committed already')
    .option('--to-datetime <time>', 'to the first record at or after, such as 2026-01-31T12:00:00Z')
    .option('--to-offset <n>', 'to this offset')
    .option('--shift-by <n>', 'forward, or back when negative')
    .option('--dry-run', 'only show what would be done (the default)')
    .option('--execute', 'do it')
    .option('--json', 'print a JSON object for each row')
    .action(run);
}

async function run(options: Options): Promise<void> {
  const servers = bootstrapServers(options.bootstrapServer);
  const actions = (['list', 'describe', 'delete', 'resetOffsets'] as const).filter((each) => options[each]);
  if (actions.length !== 1) throw new UsageError('one of --list, --describe, --delete, --reset-offsets is needed');
  const action = actions[0]!;
  if (action !== 'list' && options.group.length === 0 && !options.allGroups)
    throw new UsageError('--group or --all-groups is needed');
  const target = action === 'resetOffsets' ? resetTarget(options) : null;
  const { Admin: AdminClass } = await import('../../client/admin/admin.ts');
  const { realPorts } = await import('../../ports/real/ports.ts');
  const admin = new AdminClass(realPorts(), { 'bootstrap.servers': servers, 'client.id': 'mqlab-groups' });
  try {
    const groups = options.allGroups ? (await admin.listGroups()).map((each) => each.groupId) : options.group;
    if (action === 'list') await list(admin, options);
    else if (action === 'describe') await describe(admin, groups, options);
    else if (action === 'delete') await remove(admin, groups, options);
    else for (const group of groups) await reset(admin, group, target!, options);
  } finally {
    await admin.close();
  }
}

function show(
  options: Options,
  head: readonly string[],
  rows: readonly (readonly (string | number | null)[])[],
  empty: string,
): void {
  if (options.json) {
    const names = head.map((title) =>
      title.toLowerCase().replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()),
    );
    for (const row of rows)
      console.log(JSON.stringify(Object.fromEntries(names.map((name, i) => [name, row[i] ?? null]))));
  } else console.log(rows.length === 0 ? empty : table(head, rows));
}

async function list(admin: Admin, options: Options): Promise<void> {
  const groups = await admin.listGroups();
  const rows = groups.map((each) => [each.groupId, each.type, each.protocolType, each.state]);
  show(options, ['GROUP', 'TYPE', 'PROTOCOL', 'STATE'], rows, 'no groups');
}

async function describe(admin: Admin, groupIds: readonly string[], options: Options): Promise<void> {
  const groups = await admin.describeGroups(groupIds);
  const absent = groups.filter((group) => group.state === 'Dead').map((group) => group.groupId);
  if (options.state) {
    const rows = groups.map((each) => [
      each.groupId,
      each.type,
      each.coordinator,
      each.assignor,
      each.state,
      each.members.length,
    ]);
    return show(options, ['GROUP', 'TYPE', 'COORDINATOR', 'ASSIGNOR', 'STATE', 'MEMBERS'], rows, 'no groups');
  }
  if (options.members) {
    const rows = groups.flatMap((group) =>
      group.members.map((each) => [
        group.groupId,
        each.memberId,
        each.groupInstanceId,
        each.host,
        each.clientId,
        each.partitions.length,
        each.partitions.map(keyOf).join(' '),
      ]),
    );
    const head = ['GROUP', 'CONSUMER-ID', 'INSTANCE-ID', 'HOST', 'CLIENT-ID', 'PARTITIONS', 'ASSIGNMENT'];
    return show(options, head, rows, `no members in ${groupIds.join(', ')}`);
  }
  const rows: (string | number | null)[][] = [];
  for (const group of groups)
    rows.push(...(group.type === 'Share' ? await sharePositions(admin, group) : await positions(admin, group)));
  for (const group of groups) {
    if (!options.json && group.state === 'Empty')
      process.stderr.write(`group ${group.groupId} has no active members\n`);
  }
  const head = [
    'GROUP',
    'TOPIC',
    'PARTITION',
    'CURRENT-OFFSET',
    'LOG-END-OFFSET',
    'LAG',
    'CONSUMER-ID',
    'HOST',
    'CLIENT-ID',
  ];
  if (rows.length > 0 || absent.length === 0) show(options, head, rows, `no offsets in ${groupIds.join(', ')}`);
  if (absent.length > 0) throw new Error(`no such group: ${absent.join(', ')}`);
}

async function positions(admin: Admin, group: GroupDescription): Promise<(string | number | null)[][]> {
  const committed = await admin.listGroupOffsets(group.groupId);
  const owners = new Map(group.members.flatMap((member) => member.partitions.map((each) => [keyOf(each), member])));
  const places = new Map<string, TopicPartition>([...committed].map(([key, each]) => [key, each]));
  for (const member of group.members) for (const each of member.partitions) places.set(keyOf(each), each);
  const sorted = [...places.values()].sort(comparePartitions);
  const ends = await endsOf(admin, sorted, LATEST_TIMESTAMP);
  return sorted.map((place) => {
    const key = keyOf(place);
    const current = committed.get(key)?.offset ?? null;
    const end = ends.get(key) ?? null;
    const lag = current === null || end === null ? null : Math.max(0, end - current);
    const owner = owners.get(key);
    const { topic, partition } = place;
    return [
      group.groupId,
      topic,
      partition,
      current,
      end,
      lag,
      owner?.memberId ?? null,
      owner?.host ?? null,
      owner?.clientId ?? null,
    ];
  });
}

/** A record of a share group may be any member's: positions have no owner. */
async function sharePositions(admin: Admin, group: GroupDescription): Promise<(string | number | null)[][]> {
  const starts = [...(await admin.listShareGroupOffsets(group.groupId)).values()].sort(comparePartitions);
  const ends = await endsOf(admin, starts, LATEST_TIMESTAMP);
  return starts.map((place) => {
    const { topic, partition, startOffset, lag } = place;
    const start = startOffset < 0 ? null : startOffset;
    return [
      group.groupId,
      topic,
      partition,
      start,
      ends.get(keyOf(place)) ?? null,
      lag < 0 ? null : lag,
      null,
      null,
      null,
    ];
  });
}

/** Offsets at a time, by partition; without those of topics that were deleted. */
async function endsOf(
  admin: Admin,
  places: readonly TopicPartition[],
  timestamp: number,
): Promise<ReadonlyMap<string, number>> {
  const existing = new Set(await admin.listTopics({ includeInternal: true }));
  const queries = places
    .filter(({ topic }) => existing.has(topic))
    .map(({ topic, partition }) => ({ topic, partition, timestamp }));
  const found = await admin.listOffsets(queries);
  return new Map([...found].map(([key, each]) => [key, each.offset]));
}

async function remove(admin: Admin, groupIds: readonly string[], options: Options): Promise<void> {
  for (const groupId of groupIds) {
    await admin.deleteGroups([groupId]);
    console.log(options.json ? JSON.stringify({ group: groupId, deleted: true }) : `deleted group ${groupId}`);
  }
}

type ResetTarget =
  | { readonly kind: 'earliest' | 'latest' | 'current' }
  | { readonly kind: 'time'; readonly timestamp: number }
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'shift'; readonly by: number };

function resetTarget(options: Options): ResetTarget {
  const targets: ResetTarget[] = [];
  if (options.toEarliest) targets.push({ kind: 'earliest' });
  if (options.toLatest) targets.push({ kind: 'latest' });
  if (options.toCurrent) targets.push({ kind: 'current' });
  if (options.toOffset !== undefined)
    targets.push({ kind: 'offset', offset: wholeNumber('--to-offset', options.toOffset, 0) });
  if (options.shiftBy !== undefined) {
    targets.push({ kind: 'shift', by: wholeNumber('--shift-by', options.shiftBy, Number.MIN_SAFE_INTEGER) });
  }
  if (options.toDatetime !== undefined) {
    const timestamp = Date.parse(options.toDatetime);
    if (Number.isNaN(timestamp))
      throw new UsageError(`--to-datetime ${options.toDatetime}: allowed is YYYY-MM-DDThh:mm:ss, with Z or an offset`);
    targets.push({ kind: 'time', timestamp });
  }
  if (targets.length !== 1) {
    throw new UsageError(
      'one of --to-earliest, --to-latest, --to-current, --to-datetime, --to-offset, --shift-by is needed',
    );
  }
  if (options.topic.length === 0 && !options.allTopics) throw new UsageError('--topic or --all-topics is needed');
  if (options.dryRun && options.execute) throw new UsageError('--dry-run and --execute exclude each other');
  return targets[0]!;
}

async function reset(admin: Admin, groupId: string, target: ResetTarget, options: Options): Promise<void> {
  const [group] = await admin.describeGroups([groupId]);
  if (group!.state !== 'Empty' && group!.state !== 'Dead') {
    throw new Error(`group ${groupId} is ${group!.state}: offsets can be reset only while it has no members`);
  }
  const isShare = group!.type === 'Share';
  const committed = isShare ? await shareStarts(admin, groupId) : await admin.listGroupOffsets(groupId);
  const places = (await chosenPlaces(admin, options, [...committed.values()])).sort(comparePartitions);
  const first = await endsOf(admin, places, EARLIEST_TIMESTAMP);
  const last = await endsOf(admin, places, LATEST_TIMESTAMP);
  const atTime = target.kind === 'time' ? await endsOf(admin, places, target.timestamp) : new Map<string, number>();
  const moves = places.map((place) => {
    const key = keyOf(place);
    const bounds = { first: first.get(key) ?? 0, last: last.get(key) ?? 0 };
    const current = committed.get(key)?.offset ?? null;
    return { ...place, current, offset: newOffset(target, current, bounds, atTime.get(key)) };
  });
  if (options.execute) {
    if (isShare) await admin.alterShareGroupOffsets(groupId, moves);
    else await admin.alterGroupOffsets(groupId, moves);
  }
  const rows = moves.map((each) => [groupId, each.topic, each.partition, each.current, each.offset]);
  show(options, ['GROUP', 'TOPIC', 'PARTITION', 'OLD-OFFSET', 'NEW-OFFSET'], rows, `nothing to reset in ${groupId}`);
  if (!options.execute && !options.json) process.stderr.write('dry run: nothing was changed; --execute does it\n');
}

async function shareStarts(admin: Admin, groupId: string): Promise<ReadonlyMap<string, PartitionOffset>> {
  const starts = await admin.listShareGroupOffsets(groupId);
  return new Map([...starts].map(([key, each]) => [key, { ...each, offset: Math.max(0, each.startOffset) }]));
}

async function chosenPlaces(
  admin: Admin,
  options: Options,
  committed: readonly TopicPartition[],
): Promise<TopicPartition[]> {
  if (options.allTopics) return committed.map(({ topic, partition }) => ({ topic, partition }));
  const places: TopicPartition[] = [];
  for (const given of options.topic) {
    const match = /^([^:]+)(?::(\d+(?:,\d+)*))?$/.exec(given);
    if (match === null) throw new UsageError(`--topic ${given}: allowed is NAME or NAME:PARTITION,PARTITION…`);
    const name = match[1]!;
    const [topic] = await admin.describeTopics([name]);
    const count = topic!.partitions.length;
    const partitions =
      match[2] === undefined ? topic!.partitions.map((each) => each.index) : match[2].split(',').map(Number);
    for (const partition of partitions) {
      if (partition >= count) throw new UsageError(`--topic ${given}: ${name} has the partitions 0 to ${count - 1}`);
      places.push({ topic: name, partition });
    }
  }
  return places;
}

/** Never outside the log: what lies before it becomes its beginning, what lies behind it its end. */
function newOffset(
  target: ResetTarget,
  current: number | null,
  { first, last }: { first: number; last: number },
  atTime: number | undefined,
): number {
  const within = (offset: number) => Math.min(Math.max(offset, first), last);
  switch (target.kind) {
    case 'earliest':
      return first;
    case 'latest':
      return last;
    case 'current':
      return current === null ? last : within(current);
    case 'time':
      return atTime === undefined || atTime < 0 ? last : within(atTime);
    case 'offset':
      return within(target.offset);
    case 'shift':
      return within((current ?? last) + target.by);
  }
}
