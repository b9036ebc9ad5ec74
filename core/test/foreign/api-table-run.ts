// `npm run api-table`: runs every foreign suite by itself, and the differential run, with a broker that notes who asks what; keeps what the suites that
// passed have shown in proof.json, and renders core/APIS.md. Suites that are skipped here (no Java, no kcat, no Go…) keep their rows from elsewhere.
//   --render     only renders;  names of suites (parts of them) run only those.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CONTROLLER_HANDLERS, HANDLERS } from '../../broker/handlers/all.ts';
import type { TallyEntry } from '../../broker/request-tally.ts';
import { ALL_APIS } from '../../protocol/messages/all.ts';
import { keysOf, type Proof, renderTable, type SuiteProof } from './api-table.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../../../', import.meta.url));
const proofFile = join(here, 'proof.json');
const tableFile = join(root, 'core/APIS.md');
const differential = 'differential';
/** kafkajs does not name itself on the wire. */
const kafkajsId = /kafkajs/;
const kafkaVersion = /<kafka.version>(.*)</.exec(readFileSync(join(here, 'java/pom.xml'), 'utf8'))![1]!;

/** Clients by the name that they give on the wire. Others, our own among them, prove nothing. */
const names: Readonly<Record<string, string>> = {
  'apache-kafka-java': 'Java client',
  kgo: 'franz-go',
  'franz-go': 'franz-go',
  librdkafka: 'librdkafka',
  'confluent-kafka-python': 'confluent-kafka',
  'confluent-kafka': 'confluent-kafka',
  'kafka-python': 'kafka-python',
  'platformatic-kafka': '@platformatic/kafka',
};

const { values, positionals } = parseArgs({ allowPositionals: true, options: { render: { type: 'boolean' } } });
let proof: Proof = existsSync(proofFile) ? JSON.parse(readFileSync(proofFile, 'utf8')) : { suites: {} };
if (!values.render) {
  const names = [
    ...readdirSync(here).filter((name) => name.endsWith('.test.ts') && name !== 'api-table.test.ts'),
    differential,
  ];
  const suites = Object.fromEntries(Object.entries(proof.suites).filter(([name]) => names.includes(name)));
  for (const name of names) {
    if (positionals.length > 0 && !positionals.some((part) => name.includes(part))) continue;
    const shown = run(name);
    if (shown !== undefined) suites[name] = shown;
  }
  proof = { suites: Object.fromEntries(Object.entries(suites).sort(([a], [b]) => (a < b ? -1 : 1))) };
  writeFileSync(proofFile, text(proof));
}
writeFileSync(tableFile, renderTable(ALL_APIS, keysOf(HANDLERS), keysOf(CONTROLLER_HANDLERS), proof));

/** What a suite has shown; undefined where it failed or nothing of it ran here. */
function run(name: string): SuiteProof | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'mqlab-proof-'));
  const tally = join(dir, 'tally.jsonl');
  const command =
    name === differential
      ? [join(root, 'core/test/differential/run.ts')]
      : [
          join(root, 'node_modules/vitest/vitest.mjs'),
          'run',
          '--config',
          '.vitest.config.ts',
          `core/test/foreign/${name}`,
        ];
  const env = { ...process.env, MQLAB_REQUEST_TALLY: tally };
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { cwd: root, env, encoding: 'utf8' });
  try {
    if (status !== 0 || !existsSync(tally)) {
      process.stdout.write(
        `${name}: ${status === 0 ? 'nothing ran' : `exit ${status}\n${stdout.slice(-2000)}${stderr.slice(-2000)}`}\n`,
      );
      return undefined;
    }
    const lines = readFileSync(tally, 'utf8').trimEnd().split('\n');
    const shown = collect(lines.map((line) => JSON.parse(line) as TallyEntry));
    process.stdout.write(`${name}: ${Object.keys(shown).join(', ') || 'nobody'}\n`);
    return Object.keys(shown).length === 0 ? undefined : shown;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function collect(entries: readonly TallyEntry[]): SuiteProof {
  const clients = new Map<string, Map<number, Set<number>>>();
  const softwareOf = new Map(
    entries.flatMap((each) => (each.software === null ? [] : [[each.clientId, each.software]])),
  );
  for (const entry of entries) {
    const client = clientOf(entry, softwareOf);
    if (client === undefined) continue;
    const apis = clients.get(client) ?? new Map<number, Set<number>>();
    clients.set(client, apis);
    apis.set(entry.apiKey, (apis.get(entry.apiKey) ?? new Set()).add(entry.apiVersion));
  }
  const plain = [...clients].map(([client, apis]): [string, Record<string, number[]>] => [
    client,
    Object.fromEntries([...apis].map(([key, versions]) => [key, [...versions].sort((a, b) => a - b)])),
  ]);
  return Object.fromEntries(plain.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** `softwareOf`: clients that name themselves on some of their connections only. */
function clientOf(
  { software, clientId }: TallyEntry,
  softwareOf: ReadonlyMap<string | null, string>,
): string | undefined {
  if (clientId === 'wire-probe') return `Kafka’s message classes ${kafkaVersion}`;
  const named = software ?? softwareOf.get(clientId) ?? null;
  if (named === null) return kafkajsId.test(clientId ?? '') ? `kafkajs ${versionOf('kafkajs')}` : undefined;
  const [name, version] = named.split(' ') as [string, string];
  return names[name] === undefined
    ? undefined
    : `${names[name]} ${version.replace(/^v/, '').replace(/-rdkafka-/, ', librdkafka ')}`;
}

function versionOf(name: string): string {
  return (JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')) as { version: string })
    .version;
}

/** One line for each API: a diff shows what a run has added. */
function text(of: Proof): string {
  return `${JSON.stringify(of, null, 2).replaceAll(/\[\s+([\d,\s]+?)\s+\]/g, (_, list: string) => `[${list.replaceAll(/\s+/g, ' ')}]`)}\n`;
}
