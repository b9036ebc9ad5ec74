/**
 * Faults of the link between the producer and the broker, as this lab fires them: before a send, and over some milliseconds later.
 *
 * Invariant: a fault is noted when it does its harm (the connection breaks, the broker dies), with whether sends were under way then. One at a time: while the
 * link is dead a second one waits for its end.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { Recorder } from '../kit/history.ts';
import type { Target } from '../kit/targets/target.ts';
import type { LinkFault } from './plan.ts';

export interface LinkFaultSettings {
  readonly target: Target;
  readonly recorder: Recorder;
  /** The producer's process. */
  readonly app: string;
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
    const { target, recorder, app } = this.#settings;
    if (kind === 'drop-response') {
      // Its harm comes with the answer; the send that it belongs to is under way then, or follows at once.
      recorder.note('kit', { type: 'fault', kind, detail: app, inFlight: this.#sendsUnderWay() > 0 });
      target.dropNextResponse(app);
      return;
    }
    target.cutLink(app, kind === 'lose-answers' ? 'to-app' : 'to-broker');
    await sleep(target.clock, deadMs);
    const underWay = this.#sendsUnderWay();
    recorder.note('kit', { type: 'fault', kind, detail: app, inFlight: underWay > 0 });
    if (underWay > 1) recorder.note('kit', { type: 'reach', goal: 'several in flight' });
    if (kind === 'kill-broker') await target.killBroker();
    target.breakLink(app);
    target.healLink(app);
    if (kind === 'kill-broker') await target.startBroker();
  }

  #sendsUnderWay(): number {
    const { recorder } = this.#settings;
    let count = 0;
    recorder.inFlight(({ data }) => {
      if (data.type === 'send') count++;
      return false;
    });
    return count;
  }
}
