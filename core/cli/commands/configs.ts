import { Command } from 'commander';
import { bootstrapServers } from '../client-options.ts';
import { table } from '../table.ts';
import { oneOf, UsageError } from '../usage-error.ts';

/** `mqlab configs --describe`: what a topic or a broker is set to, and where each value comes from. Flags of Kafka's kafka-configs. */
const SOURCES: Readonly<Record<number, string>> = {
  1: 'topic',
  2: 'broker',
  3: 'all brokers',
  4: 'properties file',
  5: 'default',
  6: 'broker logger',
};
const DEFAULT_SOURCE = 5;

interface Options {
  readonly bootstrapServer?: string;
  readonly describe?: boolean;
  readonly entityType?: string;
  readonly entityName?: string;
  readonly topic?: string;
  readonly broker?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

export function configsCommand(): Command {
  return new Command('configs')
    .description('show the settings of topics and brokers')
    .option('--bootstrap-server <servers>', 'HOST:PORT, several with commas')
    .option('--describe', 'show settings')
    .option('--entity-type <type>', 'topics or brokers')
    .option('--entity-name <name>', 'the topic, or the id of the broker')
    .option('--topic <name>', 'short for --entity-type topics --entity-name NAME')
    .option('--broker <id>', 'short for --entity-type brokers --entity-name ID')
    .option('--all', 'defaults too')
    .option('--json', 'print a JSON object for each setting')
    .action(run);
}

async function run(options: Options): Promise<void> {
  const servers = bootstrapServers(options.bootstrapServer);
  if (!options.describe) throw new UsageError('what to do is needed: --describe');
  const resource = entity(options);
  const { Admin } = await import('../../client/admin/admin.ts');
  const { realPorts } = await import('../../ports/real/ports.ts');
  const admin = new Admin(realPorts(), { 'bootstrap.servers': servers, 'client.id': 'mqlab-configs' });
  try {
    const described = await admin.describeConfigs([resource]);
    const entries = [...described.values()].flat().filter((each) => options.all || each.source !== DEFAULT_SOURCE);
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    if (options.json) for (const each of entries) console.log(JSON.stringify({ ...resource, ...each }));
    else if (entries.length === 0) console.log(`${resource.type} ${resource.name}: all settings have their defaults`);
    else {
      const rows = entries.map((each) => [
        each.name,
        each.isSensitive ? '(hidden)' : each.value,
        SOURCES[each.source] ?? 'unknown',
      ]);
      console.log(table(['SETTING', 'VALUE', 'FROM'], rows));
    }
  } finally {
    await admin.close();
  }
}

function entity(options: Options): { type: 'topic' | 'broker'; name: string } {
  if (options.topic !== undefined) return { type: 'topic', name: options.topic };
  const broker = options.broker ?? options.entityName;
  if (options.broker === undefined) {
    if (options.entityType === undefined) throw new UsageError('--entity-type is needed: topics or brokers');
    const type = oneOf('--entity-type', options.entityType, ['topics', 'brokers']);
    if (options.entityName === undefined) throw new UsageError('--entity-name is needed');
    if (type === 'topics') return { type: 'topic', name: options.entityName };
  }
  if (!/^\d{1,9}$/.test(broker!)) throw new UsageError(`--entity-name ${broker}: allowed is the id of a broker`);
  return { type: 'broker', name: broker! };
}
