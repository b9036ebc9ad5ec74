// What the command line refuses: exit 2, nothing on stdout, and a message that names what was wrong and what is allowed.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { mqlab } from './mqlab.ts';

const folder = mkdtempSync(join(tmpdir(), 'mqlab-bad-input-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const properties = file('server.properties', 'num.partitions=3\nlog.retention.hour=1\nnum.io.threads=many\n');
const broken = file('broken.ndjson', '{"airport":"SFO","n":1}\n{"airport":"JFK","n":2}\n{"airport":\n');
const fine = file('fine.ndjson', '{"airport":"SFO","n":1}\n{"airport":"JFK","n":2}\n');
const nobody = '127.0.0.1:1';

// Every wrong setting of a start is told at once, so one run says them all.
const settings = [
  'no.such.setting=1',
  'log.retention.hour=1',
  'compression.type=fast',
  'num.partitions=0',
  'log.segment.bytes=1g',
  'unclean.leader.election.enable=maybe',
];

// The labs' own code takes a second to load: few calls; the other rules of input files are tested beside their code.
const cases: readonly [what: string, args: readonly string[], says: readonly (string | RegExp)[]][] = [
  [
    'unknown settings, and values that are not allowed',
    ['broker', ...settings.flatMap((each) => ['--set', each])],
    [
      'no.such.setting',
      /log\.retention\.hour.*log\.retention\.hours/,
      /fast.*compression\.type.*uncompressed, zstd, lz4, snappy, gzip, producer/,
      /0.*num\.partitions.*at least 1/,
      /1g.*log\.segment\.bytes.*integer/,
      /maybe.*unclean\.leader\.election\.enable.*true/,
    ],
  ],
  ['a listener that is none', ['broker', '--set', 'listeners=9092'], ['listeners', 'NAME://HOST:PORT']],
  ['a security protocol that is not there', ['broker', '--set', 'listeners=SSL://127.0.0.1:0'], ['SSL', 'PLAINTEXT']],
  ['a flag without a value', ['broker', '--set', 'listeners'], ['listeners', 'key=value']],
  ['a file of settings that is not there', ['broker', '--config', join(folder, 'absent')], ['absent']],
  ['two bad lines in a file of settings', ['broker', '--config', properties], ['log.retention.hour', 'num.io.threads']],
  ['an unknown command', ['brokre'], ['brokre']],
  ['an unknown flag', ['topics', '--lsit'], ['--lsit']],
  [
    'a count that is none',
    ['topics', '--create', '--topic', 't', '--partitions', 'x', '--bootstrap-server', nobody],
    ['--partitions', 'whole number'],
  ],
  [
    'an address that is none',
    ['produce', '--topic', 't', '--bootstrap-server', 'nonsense'],
    ['--bootstrap-server', 'HOST:PORT'],
  ],
  ['a lab that there is not', ['lab', 'run', 'no-such-lab'], ['no-such-lab', 'dedup', 'ordering']],
  ['a target that there is not', ['lab', 'run', 'dedup', '--target', 'mars'], ['--target', 'sim, local']],
  [
    'an input file that does not parse',
    ['lab', 'run', 'dedup', '--input', broken, '--key', 'airport'],
    ['broken.ndjson', /:3|line 3/],
  ],
  ['a field that the input has not', ['lab', 'run', 'dedup', '--input', fine, '--key', 'port'], ['port', 'airport']],
];

test.concurrent.for(cases)('%s', { timeout: 60_000 }, async ([, args, says]) => {
  const { code, stdout, stderr } = await mqlab(args);
  for (const each of says) expect(stderr).toMatch(each);
  expect(stderr).not.toMatch(/\n\s+at /); // no stack
  expect([code, stdout]).toEqual([2, '']);
});
