// What is asked of both brokers, as data. A flow is a line of steps that build on each other, played once for each of its versions, with names of
// its own, so that flows do not meet. What differs from broker to broker (ids) is kept by `save` and put into later bodies by a function.
import type { AnyApi } from '../../rpc/request-codec.ts';
import type { Body } from '../foreign/wire-probe.ts';

// biome-ignore lint/suspicious/noExplicitAny: whatever this broker answered
export type Vars = Record<string, any>;

export interface Step {
  /** For the report; the API's name where there is nothing to add. */
  readonly what?: string;
  readonly api: AnyApi;
  readonly version: number;
  readonly body: Body | ((vars: Vars) => Body);
  // biome-ignore lint/suspicious/noExplicitAny: the answer in Kafka's JSON
  readonly save?: (answer: any, vars: Vars) => void;
  /** Asked again until this holds; only the last answer is compared. */
  // biome-ignore lint/suspicious/noExplicitAny: the answer in Kafka's JSON
  readonly until?: (answer: any, vars: Vars) => boolean;
  /** Error codes upon which it is asked again. */
  readonly retried?: readonly number[];
  /** Requests of one connection go in order. */
  readonly connection?: string;
  readonly clientId?: string;
  readonly quietMs?: number;
  /** Only prepares: its answer is not compared. */
  readonly isSetup?: boolean;
}

/** Bytes instead of a request: what no client of good faith sends. */
export interface RawStep {
  readonly what: string;
  readonly frame: Uint8Array;
  readonly connection?: string;
}

/** Steps in a list are sent side by side, each on its own connection. */
export type Play = Step | RawStep | readonly Step[];

export interface Flow {
  readonly name: string;
  readonly versions: readonly number[];
  /** `name` makes a topic's, group's or transactional id's name that no other flow has. */
  steps(version: number, name: (stem: string) => string): readonly Play[];
}

/** While a coordinator loads, a leader is found, or the last transaction is being ended. */
export const PASSING_ERRORS: readonly number[] = [5, 14, 15, 16, 51];

/** Every version of an API that Kafka serves. */
export function each(api: AnyApi, from = api.request.versionMin): readonly number[] {
  const versions: number[] = [];
  for (let version = from; version <= api.request.versionMax; version++) versions.push(version);
  return versions;
}

export function flow(name: string, versions: readonly number[], steps: Flow['steps']): Flow {
  return { name, versions, steps };
}

export function step(
  api: AnyApi,
  version: number,
  body: Body | ((vars: Vars) => Body),
  options: Omit<Step, 'api' | 'version' | 'body'> = {},
): Step {
  return { api, version, body, ...options };
}

/** The version, or the newest that the API has. */
export function atMost(api: AnyApi, version: number): number {
  return Math.max(api.request.versionMin, Math.min(version, api.request.versionMax));
}
