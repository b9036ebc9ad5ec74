/**
 * Faults of the link between the producer and the broker, as this lab fires them: before a send, and over some milliseconds later.
 *
 * Invariant: a fault is noted when it does its harm (the connection breaks, the broker dies), with whether sends were under way then. One at a time: while the
 * link is dead a second one waits for its end.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import { leaderAfter } from '../kit/failover.ts';
import type { Recorder } from '../kit/history.ts';
import { leaderOf, type Target } from '../kit/targets/target.ts';
import type { LinkFault, LinkFaultKind } from './plan.ts';

/** Some fault fired while sends were under way, whichever it was. */
export const FAULT_IN_FLIGHT = 'fault in flight';
export const OTHER_LEADER = 'another leader was elected';
/** Durations are made for the simulator: real processes take longer to send what is to be hit. */
const SLOWER = { sim: 1, local: 4, external: 4 } as const;

export interface LinkFaultSettings {
  readonly target: Target;
  readonly recorder: Recorder;
  /** The producer's process. */
  readonly app: string;
  /** Whose leader is killed, of partition 0. */
  readonly topic: string;
}

export class LinkFaults {
  readonly #faults: readonly LinkFault[];
  readonly #settings: LinkFaultSettings;
  #last: Promise<void> = Promise.resolve();
  #steps = 0;

  constructor(faults: readonly LinkFault[], settings: LinkFaultSettings) {
    this.#faults = faults;
    this.#settings = settings;
  }

  /** A send is about to be made: faults due before it begin. */
  step(): void {
    const step = this.#steps++;
    for (const fault of this.#faults) {
      if (fault.step === step) this.#last = this.#last.then(() => this.#strike(fault));
    }
  }

  /** All that began are over. */
  done(): Promise<void> {
    return this.#last;
  }

  async #strike({ kind, deadMs }: LinkFault): Promise<void> {
    const { target, app, topic } = this.#settings;
    if (kind === 'drop-response') {
      // The send has left by then; its answer has not come yet.
      await sleep(target.clock, 0);
      this.#note(kind);
      target.dropNextResponse(app);
      return;
    }
    target.cutLink(app, kind === 'lose-answers' ? 'to-app' : 'to-broker');
    await sleep(target.clock, deadMs * SLOWER[target.kind]);
    this.#note(kind);
    const leader = kind === 'kill-leader' ? await leaderOf(target, topic, 0) : null;
    if (kind === 'kill-broker') await target.killBroker();
    if (leader !== null) await target.killBroker(leader);
    target.breakLink(app);
    target.healLink(app);
    if (kind === 'kill-broker') await target.startBroker();
    if (leader === null) return;
    const next = await leaderAfter(target, topic, 0, leader);
    if (next !== null) this.#settings.recorder.note('kit', { type: 'reach', goal: OTHER_LEADER });
    await target.startBroker(leader);
  }

  #note(kind: LinkFaultKind): void {
    const { recorder, app } = this.#settings;
    const inFlight = recorder.inFlight(({ data }) => data.type === 'send');
    recorder.note('kit', { type: 'fault', kind, detail: app, inFlight });
    if (inFlight) recorder.note('kit', { type: 'reach', goal: FAULT_IN_FLIGHT });
  }
}
