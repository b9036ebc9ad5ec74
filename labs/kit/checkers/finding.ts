/**
 * What a checker says: findings with their smallest evidence, and a status.
 *
 * Invariant: `invalid` needs at least one finding that is certain and not legal; `unknown` means that the history cannot tell; `valid` may
 * still carry legal findings, which Kafka allows and a report shows as such. At most `FINDINGS_MAX` findings of a name are kept, `count` counts all.
 */

/** What must hold in a cluster after every step, whatever the application does. */
export const INVARIANT_NAMES = [
  'INVARIANT ONE-LEADER',
  'INVARIANT COMMITTED-PREFIX',
  'INVARIANT HIGH-WATERMARK',
  'INVARIANT ONE-CONTROLLER',
  'INVARIANT METADATA-PREFIX',
  'INVARIANT METADATA-HIGH-WATERMARK',
] as const;

export type InvariantName = (typeof INVARIANT_NAMES)[number];

export const CHECKER_NAMES = [
  'INCONSISTENT-OFFSET',
  'DUPLICATE',
  'LOST-WRITE',
  'UNSEEN',
  'POLL-SKIP',
  'NONMONOTONIC-POLL',
  'INT-POLL-SKIP',
  'INT-NONMONOTONIC-POLL',
  'NONMONOTONIC-SEND',
  'INT-NONMONOTONIC-SEND',
  'SEND-SKIP',
  'INT-SEND-SKIP',
  'ABORTED-READ',
  'TORN',
  'PRECOMMITTED-READ',
  'G1c',
  'WRITE-CYCLE',
  'EFFECT-LOSS',
  'EFFECT-DUPLICATE',
  'KEY-ORDER',
  'COMMIT-SAFE',
  'COMMIT-MONOTONIC',
  'OWNER',
  'CONSERVATION',
  'LOST-BY-POLICY',
  'LIVENESS',
  'EXERCISED',
  ...INVARIANT_NAMES,
] as const;

export type CheckerName = (typeof CHECKER_NAMES)[number];

export interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface Finding {
  readonly name: CheckerName;
  /** Kafka allows it: shown, and no violation. */
  readonly legal: boolean;
  /** False when an unknown outcome could explain it away. */
  readonly certain: boolean;
  /** One sentence. */
  readonly story: string;
  /** Indices into the history, ascending: the smallest evidence. */
  readonly operations: readonly number[];
  readonly values: readonly string[];
  readonly places: readonly Place[];
}

export type CheckStatus = 'valid' | 'invalid' | 'unknown';

export interface CheckResult {
  readonly checker: CheckerName;
  readonly status: CheckStatus;
  readonly findings: readonly Finding[];
  /** Findings in all, also those that were not kept. */
  readonly count: number;
}

export const FINDINGS_MAX = 20;

export interface FindingParts {
  readonly operations: readonly number[];
  readonly values?: readonly string[];
  readonly places?: readonly Place[];
  readonly legal?: boolean;
  readonly certain?: boolean;
}

/** Collects the findings of one checker. */
export class Findings {
  readonly checker: CheckerName;
  #findings: Finding[] = [];
  #count = 0;
  #invalid = false;
  #unknown = false;

  constructor(checker: CheckerName) {
    this.checker = checker;
  }

  /** `story` is only built for findings that are kept. */
  add(parts: FindingParts, story: () => string): void {
    const legal = parts.legal ?? false;
    const certain = parts.certain ?? true;
    const decides = !legal && certain && !this.#invalid;
    this.#count++;
    if (!legal) {
      if (certain) this.#invalid = true;
      else this.#unknown = true;
    }
    if (this.#findings.length >= FINDINGS_MAX) {
      // The finding that decides is always kept, at the price of the last one.
      if (!decides) return;
      this.#findings.pop();
    }
    this.#findings.push({
      name: this.checker,
      legal,
      certain,
      story: story(),
      operations: [...new Set(parts.operations)].sort((a, b) => a - b),
      values: parts.values ?? [],
      places: parts.places ?? [],
    });
  }

  result(): CheckResult {
    const status: CheckStatus = this.#invalid ? 'invalid' : this.#unknown ? 'unknown' : 'valid';
    return {
      checker: this.checker,
      status,
      findings: this.#findings,
      count: this.#count,
    };
  }
}
