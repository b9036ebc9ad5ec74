/**
 * The labs that there are: each folder of `labs/` with a `lab.ts`, by the folder's name.
 *
 * Invariant: a lab's name is its folder's name. A name that is not there is an error that lists those that are.
 */
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Lab, Scenario } from './lab.ts';

const LABS = new URL('../', import.meta.url);

export class UnknownLabError extends Error {
  constructor(name: string, known: readonly string[]) {
    super(`no lab "${name}"; labs: ${known.join(', ') || '(none)'}`);
    this.name = 'UnknownLabError';
  }
}

/** Names, sorted. */
export function labNames(): string[] {
  return readdirSync(fileURLToPath(LABS), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'kit' && existsSync(new URL(`${entry.name}/lab.ts`, LABS)))
    .map((entry) => entry.name)
    .sort();
}

/** Where the lab's module is: what a worker loads. */
export function labModule(name: string): string {
  if (!labNames().includes(name)) throw new UnknownLabError(name, labNames());
  return new URL(`${name}/lab.ts`, LABS).href;
}

export async function loadLab(name: string): Promise<Lab> {
  const lab = await loadLabModule(labModule(name));
  if (lab.name !== name) throw new Error(`labs/${name}/lab.ts calls itself ${lab.name}`);
  return lab;
}

export async function loadLabModule(module: string): Promise<Lab> {
  const { lab } = (await import(module)) as { readonly lab?: Lab };
  if (lab === undefined) throw new Error(`${module} exports no lab`);
  const ids = lab.scenarios.map((scenario) => scenario.id);
  if (new Set(ids).size !== ids.length) throw new Error(`${module}: two scenarios have one id`);
  return lab;
}

export function scenarioOf(lab: Lab, id: string): Scenario {
  const found = lab.scenarios.find((scenario) => scenario.id === id);
  if (found === undefined) {
    throw new Error(`lab ${lab.name} has no scenario "${id}"; scenarios: ${lab.scenarios.map((s) => s.id).join(', ')}`);
  }
  return found as Scenario;
}
