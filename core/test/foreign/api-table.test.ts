// The committed table of APIs is what the registry and the committed proof render, and nothing that clients can ask is without a foreign client.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { CONTROLLER_HANDLERS, HANDLERS } from '../../broker/handlers/all.ts';
import { ALL_APIS } from '../../protocol/messages/all.ts';
import { keysOf, type Proof, provenBy, ranges, renderTable } from './api-table.ts';

const read = (path: string) => readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8');
const proof = JSON.parse(read('proof.json')) as Proof;
const served = HANDLERS.map(({ api }) => api);

test('core/APIS.md is up to date: `npm run api-table`, or `npm run api-table -- --render` where only the registry changed', () => {
  expect(read('../../APIS.md')).toBe(renderTable(ALL_APIS, keysOf(HANDLERS), keysOf(CONTROLLER_HANDLERS), proof));
});

test('every API that is served has been asked by a foreign client, at each of its versions', () => {
  const missing = served.flatMap(({ key, name, request }) => {
    const proven = new Set([...provenBy(proof, key).values()].flat());
    const versions = Array.from(
      { length: request.versionMax - request.versionMin + 1 },
      (_, i) => request.versionMin + i,
    );
    const unproven = versions.filter((version) => !proven.has(version));
    return unproven.length === 0 ? [] : [`${name} ${ranges(unproven)}`];
  });
  expect(missing).toEqual([]);
});
