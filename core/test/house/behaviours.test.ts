// Every behaviour of the list C1–C57, as far as one broker can show it, and every bug of section D that other brokers had, has a test that names it.
// Names are `C12 what is claimed`; unit tests beside the code count as those over the wire do. (`C12: …` in other rooms are claims of the labs.)
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const core = fileURLToPath(new URL('../..', import.meta.url));
const ROOMS = ['broker', 'groups', 'transactions', 'test/behaviours', 'test/bad-input', 'test/foreign'];
/**
 * What takes more than one broker, by behaviour: the tests of one broker leave it out.
 *   17, 24  too few in sync (19, 20), and the leader beside NOT_LEADER_OR_FOLLOWER (6)
 *   36, 39  a leadership change under a long poll; the preferred replica by rack
 *   37, 41  between high watermark and log end; 78 after an election
 *   45      NOT_COORDINATOR (16) over the wire
 *   57      reassignment and election between brokers
 * And what takes an authenticated listener or an authorizer: 6 (ApiVersions first), 52, 53.
 */
const BEHAVIOURS = 57;

const BUGS: readonly [bug: string, title: RegExp][] = [
  ['no auto-create', /^C9 auto-create/],
  ['panic on APPEND and SUBTRACT', /^C55 .*APPEND, SUBTRACT/],
  ['a fetch from the middle of a batch skipped it', /^C35 /],
  ['null keys accepted on compacted topics', /^C19 /],
  ['ListOffsets by time wrong', /^C41 .*at or after a time/],
  ['CreatePartitions with an empty result', /^C12 CreatePartitions/],
  ['metadata of commits lost', /^C44 commits come back exactly/],
  ['DescribeConfigs without defaults', /^C54 null asks for all with defaults/],
  ['transaction timeout not checked', /^C26 .*bounds the timeout/],
  ['aborted records visible to read_committed', /^C38 read_committed/],
  ['storms of UNKNOWN_MEMBER_ID', /^C47 many members at once/],
  ['max.message.bytes not enforced', /^C21 /],
];

function titles(): string[] {
  const found: string[] = [];
  for (const room of ROOMS) {
    for (const name of readdirSync(join(core, room), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.test.ts')) continue;
      const source = readFileSync(join(core, room, name), 'utf8');
      for (const [, title] of source.matchAll(/['"`](C\d+ [^\n]*?)['"`],? *[(\n{a]/g)) found.push(title!);
    }
  }
  return found;
}

test('every behaviour has a test by its number', () => {
  const named = new Set(
    titles().flatMap((title) => [...(/^(C\d+ )+/.exec(title)?.[0] ?? '').matchAll(/\d+/g)].map(Number)),
  );
  const missing = Array.from({ length: BEHAVIOURS }, (_, i) => i + 1).filter((number) => !named.has(number));
  expect(missing).toEqual([]);
});

test('every bug that other brokers had has its test', () => {
  const all = titles();
  expect(BUGS.filter(([, title]) => !all.some((each) => title.test(each))).map(([bug]) => bug)).toEqual([]);
});
