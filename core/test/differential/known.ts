// Where this broker answers otherwise than Apache Kafka, and why. A difference that no row here names fails the run.
// A row is as narrow as its reason.
import type { Difference } from './compare.ts';
import type { Pair } from './play.ts';

export interface Known {
  readonly reason: string;
  readonly api?: string | readonly string[];
  readonly path?: RegExp;
  readonly what?: RegExp;
  readonly flow?: RegExp;
  readonly versions?: (version: number) => boolean;
  readonly when?: (difference: Difference, pair: Pair) => boolean;
}

export const KNOWN: readonly Known[] = [];

export function explain(pair: Pair, difference: Difference): Known | undefined {
  return KNOWN.find(
    (each) =>
      (each.api === undefined || each.api === pair.api || (Array.isArray(each.api) && each.api.includes(pair.api))) &&
      (each.path?.test(difference.path) ?? true) &&
      (each.what?.test(pair.what) ?? true) &&
      (each.flow?.test(pair.flow) ?? true) &&
      (each.versions?.(pair.version) ?? true) &&
      (each.when?.(difference, pair) ?? true),
  );
}
