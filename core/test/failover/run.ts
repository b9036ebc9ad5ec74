/**
 * The leader dies by kill −9, again and again, under load: `npm run failover -- --minutes 2 --times 5 --load own --partitions 6`.
 *
 * Judged after each time: every acknowledged record is there, none twice, each partition in the order of sending; how long a partition was without a
 * leader that takes writes, per kill, told apart by whether the active controller died too; and with Java at hand kafka-dump-log over the three data folders, and
 * whether the replicas are the same. A short table on stdout, everything in a file (`--out`, JSON). Exit 0 when all of it holds: gaps are measured, not judged.
 * A measurement as well as a test, and so no part of `npm test`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { runCampaign } from './campaign.ts';
import { JavaLoad, LibrdkafkaLoad } from './foreign-load.ts';
import { type Load, OwnLoad } from './load.ts';
import { killLine, table } from './table.ts';
import { type Campaign, isCampaignSound } from './verdict.ts';

const LOADS = {
  own: (bootstrap, topic, partitions) => new OwnLoad(bootstrap, topic, partitions),
  java: (bootstrap, topic) => new JavaLoad(bootstrap, topic),
  librdkafka: (bootstrap, topic) => new LibrdkafkaLoad(bootstrap, topic),
} satisfies Record<string, (bootstrap: string, topic: string, partitions: number) => Load>;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' },
    times: { type: 'string', default: '1' },
    load: { type: 'string', default: 'own' },
    partitions: { type: 'string', default: '6' },
    session: { type: 'string', default: '3000' },
    out: { type: 'string', default: 'reports/out/failover.json' },
  },
});

function numberOf(name: 'minutes' | 'times' | 'partitions' | 'session'): number {
  const value = Number(values[name]);
  if (value > 0) return value;
  process.stderr.write(`--${name} ${values[name]}: a number above 0\n`);
  process.exit(2);
}

const [minutes, times] = [numberOf('minutes'), numberOf('times')];
const [partitions, sessionMs] = [numberOf('partitions'), numberOf('session')];
if (!Object.hasOwn(LOADS, values.load)) {
  process.stderr.write(`--load ${values.load}: ${Object.keys(LOADS).join(', ')}\n`);
  process.exit(2);
}
const openLoad = LOADS[values.load as keyof typeof LOADS];
const machine = {
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryBytes: totalmem(),
  kernel: `${type()} ${release()}`,
  node: process.version,
};
const campaigns: Campaign[] = [];
for (let time = 1; time <= times; time++) {
  const beganMs = performance.now();
  const tell = (text: string): void => {
    process.stderr.write(`${time}: ${((performance.now() - beganMs) / 1000).toFixed(0)} s: ${text}\n`);
  };
  const onKill = (kill: Campaign['kills'][number]): void => tell(killLine(kill));
  campaigns.push(await runCampaign({ minutes, partitions, sessionMs, openLoad, onKill, onStep: tell }));
  mkdirSync(dirname(values.out), { recursive: true });
  writeFileSync(values.out, `${JSON.stringify({ machine, minutes, campaigns }, null, 1)}\n`);
}
process.stdout.write(`${table(campaigns)}everything is in ${values.out}\n`);
process.exit(campaigns.every(isCampaignSound) ? 0 : 1);
