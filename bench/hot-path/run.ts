// Broker processor seconds per GB on the hot path, of this tree or of it against another checkout, interleaved:
//   node bench/hot-path/run.ts [--against DIR] [--batch 16384] [--fetch 1048576] [--in-flight 5] [--pairs 5] [--megabytes 100] [--set key=value]…
// Prints one JSON object a line for each metric. Processor time is asked, not the clock: what else the machine does disturbs it least; the least of the
// samples (`min`) is what a quiet machine would show.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Admin } from '@mqlab/core/client/admin/admin.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import { compared, interleaved } from '../load/interleave.ts';
import { monotonicMs } from '../load/monotonic.ts';
import { processUsage } from '../load/process-usage.ts';
import { type ServerProcess, startBroker } from '../load/server-process.ts';
import { fetchFrames, prebuiltBatch, produceFrames } from './prebuilt-frames.ts';

const { values: flags } = parseArgs({
  options: {
    against: { type: 'string' },
    batch: { type: 'string', default: '16384' },
    record: { type: 'string', default: '1024' },
    fetch: { type: 'string', default: '1048576' },
    'in-flight': { type: 'string', default: '5' },
    pairs: { type: 'string', default: '5' },
    megabytes: { type: 'string', default: '100' },
    set: { type: 'string', multiple: true, default: [] },
  },
});
const settings = Object.fromEntries(flags.set.map((each) => each.split(/=(.*)/s, 2) as [string, string]));
const batch = prebuiltBatch(Number(flags.batch), Number(flags.record));
const count = Math.ceil((Number(flags.megabytes) * 1e6) / batch.bytes.length);
const bytes = count * batch.bytes.length;

interface Figures {
  readonly produceCpuSecondsPerGb: number;
  readonly produceMegabytesPerSecond: number;
  readonly fetchCpuSecondsPerGb: number;
  readonly fetchMegabytesPerSecond: number;
}

let topics = 0;

async function measure(server: ServerProcess): Promise<Figures> {
  const port = Number(server.bootstrap.split(':').at(-1));
  const topic = `hot-${topics++}`;
  const admin = new Admin(realPorts(), { 'bootstrap.servers': server.bootstrap });
  await admin.createTopics([{ name: topic, partitions: 1, replicationFactor: 1, configs: {} }]);
  const cost = async (work: () => Promise<void>): Promise<readonly [number, number]> => {
    const before = processUsage(server.pid)!.cpuSeconds;
    const beganMs = monotonicMs();
    await work();
    const seconds = (monotonicMs() - beganMs) / 1000;
    return [(processUsage(server.pid)!.cpuSeconds - before) / (bytes / 1e9), bytes / 1e6 / seconds];
  };
  const produced = await cost(() => produceFrames(port, topic, batch, count, Number(flags['in-flight'])));
  const fetched = await cost(() => fetchFrames(port, topic, batch, bytes, Number(flags.fetch)));
  await admin.deleteTopics([topic]);
  await admin.close();
  return {
    produceCpuSecondsPerGb: produced[0],
    produceMegabytesPerSecond: produced[1],
    fetchCpuSecondsPerGb: fetched[0],
    fetchMegabytesPerSecond: fetched[1],
  };
}

const here = fileURLToPath(new URL('../../', import.meta.url));
const launcherOf = (folder: string): string => resolve(folder, 'core/cli/mqlab.js');
const mine = await startBroker(settings, launcherOf(here));
const other = await startBroker(settings, launcherOf(flags.against ?? here));
try {
  // A warm-up of each, not counted: the compilers are busy in it.
  for (const server of [mine, other]) await measure(server);
  const pairs = await interleaved(
    Number(flags.pairs),
    () => measure(other),
    () => measure(mine),
  );
  for (const metric of Object.keys(pairs[0]!.a) as (keyof Figures)[]) {
    const { a, b, ratio } = compared(pairs, (figures) => figures[metric]);
    const line = {
      metric,
      batchBytes: batch.bytes.length,
      against: flags.against ?? 'itself',
      other: a,
      here: b,
      ratio,
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }
} finally {
  await mine.stop();
  await other.stop();
}
