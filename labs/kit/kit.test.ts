import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fc, test as propertyTest } from '@fast-check/vitest';
import { afterAll, expect, test } from 'vitest';
import { CLAIMS, claim } from './claims.ts';
import { Recorder } from './history.ts';
import { canonicalJson, historyHash, historyText, parseHistory } from './history-text.ts';
import { readInput } from './input.ts';
import { loadLab } from './registry.ts';
import { parseReplayToken, replayToken } from './replay-token.ts';
import { inputFlags, rowsOf } from './rows.ts';
import { lab as toy } from './testing/toy-lab.ts';
import { concludeClaim, decide, exitCodeOf, verdictLine } from './verdict.ts';

const folder = mkdtempSync(join(tmpdir(), 'mqlab-kit-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test('a history survives its text, and its hash does not depend on the order of fields', () => {
  const make = (swapped: boolean): Recorder => {
    const history = new Recorder(() => 1.23456);
    const call = history.invoke('p1', { type: 'send', topic: 't', key: null, value: 'a' });
    const at = swapped ? { offset: 0, partition: 0 } : { partition: 0, offset: 0 };
    history.ok(call, { type: 'send', topic: 't', key: null, value: 'a', ...at });
    return history;
  };
  expect(historyHash(make(true))).toBe(historyHash(make(false)));
  expect(historyText(parseHistory(historyText(make(false))))).toBe(historyText(make(false)));
  expect(historyText(make(false)).split('\n')[1]).toBe(
    '{"index":0,"time":1.235,"process":"p1","phase":"invoke","data":{"key":null,"topic":"t","type":"send","value":"a"}}',
  );
  expect(() => parseHistory(`${historyText(make(false))}{oops`)).toThrow('history line 4: not JSON');
});

test('a call ends once; a full history says so', () => {
  const history = new Recorder(() => 0, 3);
  const call = history.invoke('c1', { type: 'crash' });
  expect(history.inFlight()).toBe(true);
  history.info(call, 'timeout');
  expect(history.inFlight()).toBe(false);
  expect(() => history.ok(call)).toThrow('operation 0 ended twice');
  history.note('kit', { type: 'heal' });
  expect(history.overflowed).toBe(false);
  history.note('kit', { type: 'heal' });
  expect(history).toMatchObject({ overflowed: true, operations: { length: 3 } });
});

propertyTest.prop([fc.jsonValue(), fc.nat()])('a token gives its run back', (plan, seed) => {
  const replay = {
    lab: 'dedup',
    scenario: 's',
    variant: 'before' as const,
    target: 'sim' as const,
    client: 'mqlab' as const,
    seed,
    input: 'x',
    plan: JSON.parse(JSON.stringify(plan)),
  };
  const token = replayToken(replay);
  expect(token).toMatch(/^mq1\.[A-Za-z0-9_-]+$/);
  expect(canonicalJson(parseReplayToken(token))).toBe(canonicalJson(replay));
});

test('what is no token is refused with the reason', () => {
  expect(() => parseReplayToken('x')).toThrow('it does not begin with mq1.');
  expect(() => parseReplayToken('mq1.AAAA')).toThrow('it is damaged');
  const { length } = replayToken({} as never);
  expect(length).toBeGreaterThan(4);
  expect(() => parseReplayToken(replayToken({} as never))).toThrow('something is missing in it');
});

test('verdicts: one violation decides, a missed goal or an unknown run leaves it open', () => {
  const coverage = {
    runs: 500,
    invalid: 0,
    unknown: 0,
    legal: 0,
    exercised: [{ goal: 'fault:x', reached: 3, of: 500 }],
  };
  const missed = { exercised: [{ goal: 'fault:x', reached: 0, of: 500 }] };
  expect(decide(coverage, 500).verdict).toBe('holds');
  expect(decide({ ...coverage, legal: 1 }, 500).verdict).toBe('legal anomaly');
  expect(decide({ ...coverage, ...missed }, 500).verdict).toBe('inconclusive');
  expect(decide({ ...coverage, unknown: 1 }, 500).verdict).toBe('inconclusive');
  expect(decide({ ...coverage, runs: 499 }, 500).verdict).toBe('inconclusive');
  expect(decide({ ...coverage, ...missed, invalid: 1 }, 500).verdict).toBe('violated');
});

test('claims follow from verdicts that came out as expected; exit codes likewise', () => {
  const conclusion = { claim: 'C70', verdict: 'refuted' as const, scope: 'with SQLite' };
  const good = { expected: 'violated' as const, verdict: 'violated' as const, variant: 'before' };
  const off = { expected: 'holds' as const, verdict: 'violated' as const, variant: 'after' };
  const open = { expected: 'holds' as const, verdict: 'inconclusive' as const, variant: 'after' };
  expect(concludeClaim(conclusion, [good])).toBe(conclusion);
  expect(concludeClaim(conclusion, [good, off])).toMatchObject({ verdict: 'inconclusive' });
  expect([[good], [good, off, open], [good, open], []].map(exitCodeOf)).toEqual([0, 1, 3, 3]);
});

test('a verdict line has exactly its fields, in order', () => {
  const row = {
    lab: 'l',
    claim: 'C70',
    target: 'sim',
    client: 'mqlab 0.1.0',
    variant: 'before',
    expected: 'violated',
  } as const;
  const rest = { verdict: 'violated', runs: 3, seed: '1', replay: 'npx', historyHash: 'ff' } as const;
  const more = { claimVerdict: 'confirmed', scope: '', version: 'v', exercised: [] } as const;
  expect(verdictLine({ ...more, ...rest, ...row })).toBe(JSON.stringify({ ...row, ...rest }));
});

test('the command of a row that figures decided names the profile that it takes to see them again', () => {
  const verdict = { claim: 'C66', target: 'local', client: 'own', variant: 'before', runs: 5 } as const;
  const taken = { figures: {}, verdicts: [{ ...verdict, expected: 'measured', verdict: 'measured' } as const] };
  const flags = inputFlags({ file: 'my records.csv', key: 'origin' });
  const replays = (['quick', 'full'] as const).map(
    (profile) => rowsOf(toy, [], taken, { profile, seed: 7, flags })[0]!.replay,
  );
  expect(replays).toEqual([
    "npx mqlab lab run toy --target local --seed 7 --input 'my records.csv' --key 'origin'",
    "npx mqlab lab run toy --target local --profile full --seed 7 --input 'my records.csv' --key 'origin'",
  ]);
});

test('there are 73 claims with ids of their own, and an unknown id is an error', () => {
  expect(new Set(CLAIMS.map(({ id }) => id)).size).toBe(CLAIMS.length);
  expect(CLAIMS.every(({ id, kinds }) => /^C\d\d$/.test(id) && kinds.length > 0)).toBe(true);
  expect(claim('C73').kinds).toEqual(['B']);
  expect(() => claim('C99')).toThrow('no claim C99');
});

test('a lab that is not there is an error that names those that are', async () => {
  await expect(loadLab('nope')).rejects.toThrow(/no lab "nope"; labs: /);
});

test('input: the flights by airport', async () => {
  const records = await readInput();
  expect(records).toHaveLength(20_000);
  expect(records[0]!.key).toMatch(/^[A-Z]{3}$/);
  expect(JSON.parse(records[0]!.value)).toMatchObject({ origin: records[0]!.key });
});

test('input: NDJSON, a JSON array over many lines, and CSV with quotes', async () => {
  const expected = [
    { key: '1', value: '{"id":1,"b":"x,y"}' },
    { key: '2', value: '{"id":2,"b":"z"}' },
  ];
  const ndjson = file('a.ndjson', '{"id":1,"b":"x,y"}\n\n{"id":2,"b":"z"}\n');
  expect(await readInput({ file: ndjson, key: 'id' })).toEqual(expected);
  const array = file('a.json', '[\n {"id":1,"b":"x,y"},\n {"id":2,\n "b":"z"}\n]\n');
  expect(await readInput({ file: array, key: 'id' })).toEqual(expected);
  const csv = file('a.csv', 'id,b\r\n1,"x,y"\r\n2,"a ""q""\nb"\r\n');
  expect((await readInput({ file: csv, key: 'id' })).map(({ value }) => JSON.parse(value))).toEqual([
    { id: '1', b: 'x,y' },
    { id: '2', b: 'a "q"\nb' },
  ]);
  expect(await readInput({ file: ndjson, recordsMax: 1 })).toHaveLength(1);
});

test('input: what does not parse is named with its line; unknown keys list the fields', async () => {
  const bad = file('bad.ndjson', '{"id":1}\n{"id":2}\n{oops\n');
  await expect(readInput({ file: bad, key: 'id' })).rejects.toThrow('bad.ndjson line 3: not JSON');
  const csv = file('bad.csv', 'id,b\n1,2\n3\n');
  await expect(readInput({ file: csv, key: 'id' })).rejects.toThrow('bad.csv line 3: 1 fields where the header has 2');
  const quote = file('quote.csv', 'id,b\n1,x"y\n3,4\n');
  await expect(readInput({ file: quote, key: 'id' })).rejects.toThrow('quote.csv line 2: a quote');
  const ndjson = file('k.ndjson', '{"id":1,"b":2}\n');
  await expect(readInput({ file: ndjson, key: 'x' })).rejects.toThrow(
    'k.ndjson line 1: no field "x" for the key; fields here: id, b',
  );
  await expect(readInput({ file: join(folder, 'none.csv') })).rejects.toThrow('cannot be read (ENOENT)');
  await expect(readInput({ file: file('empty.ndjson', '') })).rejects.toThrow('no records');
});
