/**
 * A replay token: everything that makes a run, in one string that can be copied.
 *
 * Invariant: in the simulator the token alone gives the same history, byte for byte. It carries the plan itself and not the way to it,
 * so it survives changes to the search. `mq1.` + base64url(deflate(JSON)).
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { CLIENT_NAMES, type ClientName } from './drivers/driver.ts';
import { canonicalJson } from './history-text.ts';
import { TARGET_KINDS, type TargetKind } from './targets/target.ts';

export interface Replay {
  readonly lab: string;
  readonly scenario: string;
  readonly variant: 'before' | 'after';
  readonly target: TargetKind;
  readonly client: ClientName;
  readonly seed: number;
  /** Names the records that the run was fed with; another `--input` is another run. */
  readonly input: string;
  readonly plan: unknown;
}

const PREFIX = 'mq1.';
const TOKEN_CHARACTERS_MAX = 64 * 1024;
const PLAN_BYTES_MAX = 4 * 1024 * 1024;

export class ReplayTokenError extends Error {
  constructor(reason: string) {
    super(`not a replay token: ${reason}`);
    this.name = 'ReplayTokenError';
  }
}

export function replayToken(replay: Replay): string {
  return PREFIX + deflateRawSync(canonicalJson(replay), { level: 9 }).toString('base64url');
}

export function parseReplayToken(token: string): Replay {
  if (!token.startsWith(PREFIX)) throw new ReplayTokenError(`it does not begin with ${PREFIX}`);
  if (token.length > TOKEN_CHARACTERS_MAX) throw new ReplayTokenError(`longer than ${TOKEN_CHARACTERS_MAX} characters`);
  let parsed: Partial<Replay> | null;
  try {
    const bytes = inflateRawSync(Buffer.from(token.slice(PREFIX.length), 'base64url'), {
      maxOutputLength: PLAN_BYTES_MAX,
    });
    parsed = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new ReplayTokenError('it is damaged');
  }
  const { lab, scenario, variant, target, client, seed, input, plan } = parsed ?? {};
  const isWhole =
    typeof lab === 'string' &&
    typeof scenario === 'string' &&
    (variant === 'before' || variant === 'after') &&
    TARGET_KINDS.includes(target as TargetKind) &&
    CLIENT_NAMES.includes(client as ClientName) &&
    Number.isInteger(seed) &&
    typeof input === 'string' &&
    plan !== undefined;
  if (!isWhole) throw new ReplayTokenError('something is missing in it');
  return parsed as Replay;
}
