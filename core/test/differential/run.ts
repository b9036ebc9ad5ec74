// `npm run differential`: the same requests to this broker and to Apache Kafka, the answers compared field by field.
// Exit code 0: every difference is in the table of known ones (known.ts), each with its reason. 1: some are not. 3: Java or Kafka's jars are not here.
// The report goes to reports/out/differential.md. Arguments are parts of flow names: only those are played.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { HANDLERS } from '../../broker/handlers/all.ts';
import { ApiVersions } from '../../protocol/messages/18-api-versions.ts';
import { startApacheKafka } from '../foreign/apache-kafka.ts';
import { startBroker } from '../foreign/harness.ts';
import { kafkaClasspath } from '../foreign/java.ts';
import { type Outcome, WireProbe } from '../foreign/wire-probe.ts';
import { Aliases, type Difference, differences, normalised } from './compare.ts';
import { FLOWS } from './flows/all.ts';
import { explain, KNOWN, type Known } from './known.ts';
import { type Pair, play } from './play.ts';
import { render } from './report.ts';

/** Of both brokers. Coordinators with few partitions load sooner; no session or transaction may end while flows are played. */
const SETTINGS = {
  'node.id': 1,
  // The flows write records of 2020.
  'log.retention.ms': -1,
  'auto.create.topics.enable': false,
  'group.initial.rebalance.delay.ms': 0,
  'group.consumer.assignment.interval.ms': 0,
  'offsets.topic.num.partitions': 3,
  'offsets.topic.replication.factor': 1,
  'transaction.state.log.num.partitions': 3,
  'transaction.state.log.replication.factor': 1,
  'transaction.state.log.min.isr': 1,
  'share.coordinator.state.topic.num.partitions': 3,
  'share.coordinator.state.topic.replication.factor': 1,
  'share.coordinator.state.topic.min.isr': 1,
};
const flowsAtOnce = 4;

export interface Found extends Difference {
  readonly pair: Pair;
  readonly known: Known | undefined;
}

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { verbose: { type: 'boolean' }, out: { type: 'string' } },
  });
  const at = kafkaClasspath();
  if ('missing' in at) {
    process.stderr.write(`differential: ${at.missing}\n`);
    return 3;
  }
  const startedMs = performance.now();
  const [ours, kafka] = await Promise.all([startBroker({ set: SETTINGS }), startApacheKafka(SETTINGS)]);
  const probe = new WireProbe();
  const pairs: Pair[] = [];
  try {
    const addresses = { ours: ours.bootstrap, kafka: kafka.bootstrap };
    const flows = FLOWS.filter(
      ({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
    ).flatMap((flow) => flow.versions.map((version) => ({ flow, version })));
    const software = { clientSoftwareName: 'kafka-clients-message-classes', clientSoftwareVersion: '4.3.1' };
    const queue = [...flows];
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const connection = `${next.flow.name} v${next.version} `;
        // Says who asks, for the table of APIs.
        await probe.ask(ApiVersions, 3, software, { address: ours.bootstrap, connection });
        await play(probe, next.flow, next.version, addresses, (pair) => void pairs.push(pair));
      }
    };
    await Promise.all(Array.from({ length: flowsAtOnce }, worker));
  } finally {
    probe.close();
    await Promise.all([ours.dispose(), kafka.dispose()]);
  }
  // In one order, whatever ran side by side, so that the n-th id of a kind is the same on both sides.
  const found = compareAll(pairs);
  const unexplained = found.filter(({ known }) => known === undefined);
  const asked = new Set(pairs.map(({ api, version }) => `${api} ${version}`));
  const served = HANDLERS.flatMap(({ api }) =>
    Array.from(
      { length: api.request.versionMax - api.request.versionMin + 1 },
      (_, i) => `${api.name} ${api.request.versionMin + i}`,
    ),
  );
  const out = values.out ?? fileURLToPath(new URL('../../../reports/out/', import.meta.url));
  mkdirSync(out, { recursive: true });
  const report = render({ pairs, found, served, asked, known: KNOWN, seconds: (performance.now() - startedMs) / 1000 });
  writeFileSync(`${out}/differential.md`, report.markdown);
  process.stdout.write(`${values.verbose ? `${report.markdown}\n` : ''}${report.summary}\n`);
  const unasked = positionals.length === 0 ? served.filter((each) => !asked.has(each)) : [];
  if (unasked.length > 0) process.stdout.write(`never asked: ${unasked.join(', ')}\n`);
  return unexplained.length + unasked.length > 0 ? 1 : 0;
}

function compareAll(pairs: readonly Pair[]): Found[] {
  const sides = new Map<string, readonly [Aliases, Aliases]>();
  return pairs
    .filter(({ isCompared }) => isCompared)
    .flatMap((pair) => {
      // Flows share nothing: ids are counted in each for itself.
      let aliases = sides.get(pair.flow);
      if (aliases === undefined) sides.set(pair.flow, (aliases = [new Aliases(), new Aliases()]));
      // What Kafka's classes cannot encode or read says nothing of either broker.
      const broken = [pair.ours, pair.kafka].find(({ kind }) => kind === 'failed');
      if (broken !== undefined) {
        const path = broken.kind === 'failed' ? broken.message : '';
        return [{ path, ours: pair.ours.kind, kafka: pair.kafka.kind, pair, known: undefined }];
      }
      const [ours, kafka] = [plain(pair, pair.ours, aliases[0]), plain(pair, pair.kafka, aliases[1])];
      return differences(ours, kafka).map((each) => ({ ...each, pair, known: explain(pair, each) }));
    });
}

function plain(pair: Pair, outcome: Outcome, aliases: Aliases) {
  switch (outcome.kind) {
    case 'answer':
      return normalised(pair.api, outcome.answer, aliases);
    case 'frame':
      return { frame: outcome.frame.toString('hex') };
    case 'failed':
      return { failed: outcome.message };
    default:
      return { outcome: outcome.kind };
  }
}

process.exitCode = await main();
