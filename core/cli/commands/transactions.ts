import { Command } from 'commander';
import type { Admin } from '../../client/admin/admin.ts';
import type { ActiveProducer, TransactionDescription } from '../../client/admin/transactions.ts';
import type { TopicPartition } from '../../client/consumer/topic-partition.ts';
import { bootstrapServers } from '../client-options.ts';
import { table } from '../table.ts';
import { UsageError, wholeNumber } from '../usage-error.ts';

/**
 * `mqlab transactions`: what producers have open, and the end of what nobody will end. Subcommands and flags of Kafka's kafka-transactions.
 */
interface Common {
  readonly bootstrapServer?: string;
  readonly json?: boolean;
}

type Cell = string | number | null;

/** Longer than the greatest timeout that brokers allow by default: such a transaction is not its coordinator's any more. */
const HANGING_MINUTES = 15;

export function transactionsCommand(): Command {
  const command = new Command('transactions')
    .description('list and describe transactions; find and end those that hang')
    .option('--bootstrap-server <servers>', 'HOST:PORT, several with commas')
    .option('--json', 'print a JSON object for each row');
  /** The common flags are taken before and behind the subcommand's name. */
  const add = (name: string, about: string): Command =>
    command
      .command(name)
      .description(about)
      .option('--bootstrap-server <servers>', 'HOST:PORT, several with commas')
      .option('--json', 'print a JSON object for each row');

  add('list', 'the transactional ids, with their states')
    .option('--duration-filter <ms>', 'only transactions that are open for longer')
    .option('--transactional-id-pattern <re2>', 'only ids that match')
    .action((flags: ListFlags, self: Command) => withAdmin(self, (admin, common) => list(admin, flags, common)));
  add('describe', 'one transactional id')
    .option('--transactional-id <id>', 'which')
    .action((flags: { transactionalId?: string }, self: Command) =>
      withAdmin(self, (admin, common) => describe(admin, needed('--transactional-id', flags.transactionalId), common)),
    );
  add('describe-producers', 'the producers that a partition knows')
    .option('--topic <name>', 'the topic')
    .option('--partition <n>', 'its partition')
    .action((flags: PlaceFlags, self: Command) =>
      withAdmin(self, (admin, common) => producers(admin, placeOf(flags), common)),
    );
  add('find-hanging', 'transactions that their coordinator does not know any more')
    .option('--topic <name>', 'only this topic (default: all)')
    .option('--partition <n>', 'only this partition of it')
    .option('--max-transaction-timeout <minutes>', 'open for longer than this', String(HANGING_MINUTES))
    .action((flags: PlaceFlags & { maxTransactionTimeout: string }, self: Command) =>
      withAdmin(self, (admin, common) => findHanging(admin, flags, common)),
    );
  add('abort', 'write the abort marker of a hanging transaction')
    .option('--topic <name>', 'the topic')
    .option('--partition <n>', 'its partition')
    .option('--start-offset <offset>', 'where the transaction starts, as find-hanging says')
    .action((flags: PlaceFlags & { startOffset?: string }, self: Command) =>
      withAdmin(self, (admin, common) => abort(admin, flags, common)),
    );
  return command;
}

interface ListFlags {
  readonly durationFilter?: string;
  readonly transactionalIdPattern?: string;
}

interface PlaceFlags {
  readonly topic?: string;
  readonly partition?: string;
}

async function withAdmin(self: Command, action: (admin: Admin, common: Common) => Promise<void>): Promise<void> {
  const common = self.optsWithGlobals<Common>();
  const servers = bootstrapServers(common.bootstrapServer);
  const { Admin: AdminClass } = await import('../../client/admin/admin.ts');
  const { realPorts } = await import('../../ports/real/ports.ts');
  const admin = new AdminClass(realPorts(), { 'bootstrap.servers': servers, 'client.id': 'mqlab-transactions' });
  try {
    await action(admin, common);
  } finally {
    await admin.close();
  }
}

function needed(flag: string, value: string | undefined): string {
  if (value === undefined) throw new UsageError(`${flag} is needed`);
  return value;
}

function placeOf({ topic, partition }: PlaceFlags): TopicPartition {
  return {
    topic: needed('--topic', topic),
    partition: wholeNumber('--partition', needed('--partition', partition), 0),
  };
}

function show(common: Common, names: readonly string[], rows: readonly (readonly Cell[])[], empty: string): void {
  if (common.json) {
    for (const row of rows)
      console.log(JSON.stringify(Object.fromEntries(names.map((name, i) => [name, row[i] ?? null]))));
  } else {
    const heads = names.map((name) => name.replace(/[A-Z]/g, (letter) => `-${letter}`).toUpperCase());
    console.log(rows.length === 0 ? empty : table(heads, rows));
  }
}

async function list(admin: Admin, flags: ListFlags, common: Common): Promise<void> {
  const { durationFilter, transactionalIdPattern: pattern } = flags;
  const found = await admin.listTransactions({
    ...(durationFilter === undefined ? {} : { longerThanMs: wholeNumber('--duration-filter', durationFilter, 0) }),
    ...(pattern === undefined ? {} : { pattern }),
  });
  const rows = found.map((each) => [each.transactionalId, each.coordinator, each.producerId, each.state]);
  show(common, ['transactionalId', 'coordinator', 'producerId', 'state'], rows, 'no transactional ids');
}

async function describe(admin: Admin, transactionalId: string, common: Common): Promise<void> {
  const found = await admin.describeTransaction(transactionalId);
  const isOpen = found.startTimeMs >= 0;
  const names = ['coordinator', 'transactionalId', 'producerId', 'producerEpoch', 'state', 'timeoutMs'];
  const row: Cell[] = [
    found.coordinator,
    found.transactionalId,
    found.producerId,
    found.producerEpoch,
    found.state,
    found.timeoutMs,
    isOpen ? new Date(found.startTimeMs).toISOString() : null,
    isOpen ? Date.now() - found.startTimeMs : null,
    found.partitions.map(({ topic, partition }) => `${topic}-${partition}`).join(' ') || null,
  ];
  show(common, [...names, 'startTime', 'durationMs', 'partitions'], [row], '');
}

async function producers(admin: Admin, place: TopicPartition, common: Common): Promise<void> {
  const found = await admin.describeProducers(place);
  const known = (value: number): Cell => (value < 0 ? null : value);
  const rows = found.map((each) => [
    each.producerId,
    each.producerEpoch,
    known(each.coordinatorEpoch),
    known(each.lastSequence),
    each.lastTimestamp < 0 ? null : new Date(each.lastTimestamp).toISOString(),
    known(each.transactionStartOffset),
  ]);
  const names = ['producerId', 'producerEpoch', 'coordinatorEpoch', 'lastSequence', 'lastTime', 'transactionStart'];
  show(common, names, rows, `no producers in ${place.topic}-${place.partition}`);
}

interface Hanging extends TopicPartition {
  readonly producer: ActiveProducer;
}

async function findHanging(
  admin: Admin,
  flags: PlaceFlags & { readonly maxTransactionTimeout: string },
  common: Common,
): Promise<void> {
  const longerThanMs = wholeNumber('--max-transaction-timeout', flags.maxTransactionTimeout, 0) * 60_000;
  if (flags.partition !== undefined && flags.topic === undefined) throw new UsageError('--partition needs --topic');
  const only = flags.partition === undefined ? undefined : placeOf(flags).partition;
  const topics = await admin.describeTopics(flags.topic === undefined ? null : [flags.topic]);
  const coordinated = await openTransactions(admin);
  const hanging: Hanging[] = [];
  for (const { name, partitions } of topics) {
    for (const { index } of partitions) {
      if (only !== undefined && index !== only) continue;
      const place = { topic: name, partition: index };
      for (const producer of await admin.describeProducers(place)) {
        if (producer.transactionStartOffset < 0 || Date.now() - producer.lastTimestamp < longerThanMs) continue;
        const known = coordinated.get(producer.producerId);
        const isCoordinated =
          known?.producerEpoch === producer.producerEpoch &&
          known.partitions.some(({ topic, partition }) => topic === name && partition === index);
        if (!isCoordinated) hanging.push({ ...place, producer });
      }
    }
  }
  const rows = hanging.map(({ topic, partition, producer }) => [
    topic,
    partition,
    producer.producerId,
    producer.producerEpoch,
    producer.transactionStartOffset,
    new Date(producer.lastTimestamp).toISOString(),
  ]);
  const names = ['topic', 'partition', 'producerId', 'producerEpoch', 'startOffset', 'lastTime'];
  show(common, names, rows, 'no hanging transactions');
}

/** What coordinators know to be open, by producer id. */
async function openTransactions(admin: Admin): Promise<ReadonlyMap<number, TransactionDescription>> {
  const open = new Map<number, TransactionDescription>();
  for (const { transactionalId, producerId } of await admin.listTransactions())
    open.set(producerId, await admin.describeTransaction(transactionalId));
  return open;
}

async function abort(
  admin: Admin,
  flags: PlaceFlags & { readonly startOffset?: string },
  common: Common,
): Promise<void> {
  const place = placeOf(flags);
  const startOffset = wholeNumber('--start-offset', needed('--start-offset', flags.startOffset), 0);
  const found = (await admin.describeProducers(place)).find((each) => each.transactionStartOffset === startOffset);
  const name = `${place.topic}-${place.partition}`;
  if (found === undefined) throw new Error(`no transaction is open in ${name} that starts at ${startOffset}`);
  await admin.abortTransaction(place, found);
  if (common.json) console.log(JSON.stringify({ ...place, startOffset, producerId: found.producerId, aborted: true }));
  else console.log(`aborted the transaction of producer ${found.producerId} that started at ${startOffset} of ${name}`);
}
