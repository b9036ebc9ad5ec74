import { expect, test } from 'vitest';
import { CHECKER_NAMES } from './checkers/finding.ts';
import { loadMutation, type Mutation, mutatedText, mutationNames, StaleMutationError } from './mutation.ts';
import { mutationsMarkdown, runMutations } from './run-mutations.ts';

test('every planted fault still fits its file, and names checkers that there are', async () => {
  for (const name of mutationNames()) {
    const mutation = await loadMutation(name);
    expect(mutatedText(mutation)).toContain(mutation.replace);
    for (const checker of mutation.caughtBy) expect(CHECKER_NAMES).toContain(checker);
  }
  await expect(loadMutation('nope')).rejects.toThrow('no mutation "nope"; mutations: ');
});

test('text that is not there, or there twice, is stale', async () => {
  const mutation = await loadMutation('duplicate-check');
  expect(() => mutatedText({ ...mutation, find: 'no such line' })).toThrow(StaleMutationError);
  expect(() => mutatedText({ ...mutation, find: 'return null;' })).toThrow(/has \d+ of the text/);
});

test('one that is planted is caught, and the same again; one that changes nothing survives', async () => {
  const mutation = await loadMutation('duplicate-check');
  const harmless: Mutation = { ...mutation, id: 'harmless', replace: mutation.find };
  const foreign: Mutation = {
    ...mutation,
    id: 'foreign',
    file: 'core/cli/table.ts',
    find: 'export function',
    replace: 'export function ',
  };
  const results = await runMutations([mutation, mutation, harmless, foreign], { workers: 2, plansMax: 12 });
  expect(results.map(({ id, status }) => [id, status])).toEqual([
    ['duplicate-check', 'caught'],
    ['duplicate-check', 'caught'],
    ['harmless', 'survived'],
    ['foreign', 'not loaded'],
  ]);
  expect(results[0]).toMatchObject({
    caughtBy: ['DUPLICATE'],
    plans: results[1]!.plans,
    planSeed: results[1]!.planSeed,
  });
  expect(mutationsMarkdown(results)).toContain('| harmless | ');
});

test('faults of a cluster are caught: the watermark too early, a leader that does not step down', async () => {
  const mutations = [await loadMutation('watermark-early'), await loadMutation('deposed-leader-leads')];
  const results = await runMutations(mutations, { workers: 2, plansMax: 4 });
  expect(results.map(({ id, status }) => [id, status])).toEqual([
    ['watermark-early', 'caught'],
    ['deposed-leader-leads', 'caught'],
  ]);
}, 120_000);
