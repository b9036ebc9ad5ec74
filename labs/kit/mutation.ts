/**
 * A planted fault: a line of the shipped broker that is another one while it is loaded, to see whether somebody notices.
 *
 * Invariant: data. `find` stands in the file exactly once, or the mutation is stale and fails: no switch for it is in the code that ships. The files in
 * `mutations/` export one each, and its id is its file's name.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CheckerName } from './checkers/finding.ts';

export interface Mutation {
  readonly id: string;
  /** From the top of the checkout: `core/log/producer-state.ts`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** What goes wrong with it, in a sentence. */
  readonly why: string;
  /** Any of these sees it. */
  readonly caughtBy: readonly CheckerName[];
  /** What is run with it: its plans hold without. */
  readonly scenario: MutationScenario;
}

export interface MutationScenario {
  /** A lab's name, or `mutation`: the lab that is there for this alone. */
  readonly lab: string;
  readonly id: string;
}

const FOLDER = new URL('./mutations/', import.meta.url);
const TOP = new URL('../../', import.meta.url);

export class StaleMutationError extends Error {
  constructor(mutation: Mutation, count: number) {
    super(`mutation ${mutation.id} is stale: ${mutation.file} has ${count} of the text that it replaces, not 1`);
    this.name = 'StaleMutationError';
  }
}

export function mutationNames(): string[] {
  return readdirSync(fileURLToPath(FOLDER))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => name.slice(0, -'.ts'.length))
    .sort();
}

export async function loadMutation(id: string): Promise<Mutation> {
  const names = mutationNames();
  if (!names.includes(id)) throw new Error(`no mutation "${id}"; mutations: ${names.join(', ')}`);
  const { mutation } = (await import(new URL(`${id}.ts`, FOLDER).href)) as { readonly mutation: Mutation };
  if (mutation.id !== id) throw new Error(`mutations/${id}.ts calls itself ${mutation.id}`);
  return mutation;
}

/** URL of the file that is changed. */
export function mutatedUrl(mutation: Mutation): string {
  return new URL(mutation.file, TOP).href;
}

/** The file's text with the fault in it. Throws StaleMutationError. */
export function mutatedText(mutation: Mutation, text = readFileSync(new URL(mutation.file, TOP), 'utf8')): string {
  const parts = text.split(mutation.find);
  if (parts.length !== 2) throw new StaleMutationError(mutation, parts.length - 1);
  return parts.join(mutation.replace);
}
