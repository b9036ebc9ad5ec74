/**
 * A part of the goals' run: it takes samples for one or more rows. Parts are independent: one that fails leaves its rows unmeasured, with its reason.
 *
 * To add one: a file in `parts/`, a line in `parts/parts.ts`, and its rows in `goals.ts`.
 */
import type { Recorder } from '../compare/recorder.ts';
import type { System } from '../compare/session.ts';

export interface PartContext {
  /** Those that are installed. */
  readonly systems: readonly System[];
  readonly pairs: number;
  readonly isQuick: boolean;
  readonly recorder: Recorder;
  /** What went wrong, a sentence each. */
  readonly failures: string[];
  readonly progress: (text: string) => void;
}

export interface Part {
  /** Stable: `--part NAME`. */
  readonly name: string;
  readonly about: string;
  run(context: PartContext): Promise<void>;
}

export function only(systems: readonly System[], ...names: readonly string[]): System[] {
  return systems.filter(({ peer }) => names.includes(peer.name));
}
