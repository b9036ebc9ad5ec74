/**
 * One kill of a broker that leads, as data: who died, what else it was, and how long each partition that it led took no writes.
 *
 * Pure: times are milliseconds since the kill. A gap ends with the first acknowledgement after the election of others that comes after a silence: what was on its way
 * when the leader died, and may be told late by a program that is short of processor time, is no sign of a new one.
 */
export interface Kill {
  readonly victim: number;
  /** The active controller died with it, and another one had to be elected first. */
  readonly wasController: boolean;
  readonly partitionsLed: number;
  /** Until the controller let others lead, as its log says; null: it did not say so. The rest of a gap is the new leaders' and the client's. */
  readonly electedMs: number | null;
  /** Until each of these partitions was acknowledged again. */
  readonly gapsMs: readonly number[];
  /** What the nodes said meanwhile. */
  readonly told: readonly Told[];
}

export interface Told {
  readonly atMs: number;
  readonly nodeId: number;
  readonly text: string;
}

const ELECTED = /^broker (\d+) is fenced: its session is over/;

export function electedMs(told: readonly Told[], victim: number): number | null {
  return told.find(({ text }) => Number(ELECTED.exec(text)?.[1] ?? -1) === victim)?.atMs ?? null;
}

/** Below it a partition was not silent. */
const SILENCE_MS = 100;

/** Watches the acknowledgements of the partitions that the victim led. */
export class GapWatch {
  private readonly killedMs: number;
  private readonly isElected: () => boolean;
  /** The last acknowledgement of each that still waits. */
  private readonly waiting: Map<number, number>;
  readonly gapsMs: number[] = [];

  constructor(led: readonly number[], killedMs: number, isElected: () => boolean) {
    this.killedMs = killedMs;
    this.isElected = isElected;
    this.waiting = new Map(led.map((partition) => [partition, killedMs]));
  }

  get isOver(): boolean {
    return this.waiting.size === 0;
  }

  get waitingCount(): number {
    return this.waiting.size;
  }

  acked(partition: number, nowMs: number): void {
    const lastMs = this.waiting.get(partition);
    if (lastMs === undefined) return;
    this.waiting.set(partition, nowMs);
    if (nowMs - lastMs < SILENCE_MS || !this.isElected()) return;
    this.waiting.delete(partition);
    this.gapsMs.push(Math.round(nowMs - this.killedMs));
  }
}

export interface GapSummary {
  readonly count: number;
  readonly medianMs: number;
  readonly worstMs: number;
  /** Longer than the goal. */
  readonly over: number;
}

export function summarize(gapsMs: readonly number[], goalMs: number): GapSummary {
  const sorted = gapsMs.toSorted((a, b) => a - b);
  return {
    count: sorted.length,
    medianMs: sorted[Math.floor(sorted.length / 2)] ?? 0,
    worstMs: sorted.at(-1) ?? 0,
    over: sorted.filter((gap) => gap > goalMs).length,
  };
}

export function gapsOf(kills: readonly Kill[], isOfController?: boolean): number[] {
  return kills
    .filter(({ wasController }) => isOfController === undefined || wasController === isOfController)
    .flatMap(({ gapsMs }) => gapsMs);
}
