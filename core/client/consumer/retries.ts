import type { Clock } from '../../ports/clock.ts';
import { backoffMs } from '../../rpc/backoff.ts';
import type { ConsumerConfig } from '../client-config.ts';
import { ClientError } from '../client-error.ts';
import type { ClientPorts } from '../connections.ts';
import { closedError, timedOut } from './errors.ts';
import type { Signal } from './signal.ts';

/**
 * A call of the application that goes on until it works, fails for good, or its time is over: one attempt after the other, with backoff.
 * What an attempt is belongs to the caller; retriable is what its ClientError says.
 */
export class Retries {
  private readonly ports: ClientPorts;
  private readonly clock: Clock;
  private readonly config: ConsumerConfig;
  private readonly signal: Signal;

  constructor(ports: ClientPorts, config: ConsumerConfig, signal: Signal) {
    this.ports = ports;
    this.clock = ports.clock;
    this.config = config;
    this.signal = signal;
  }

  /** Rejects with ClientError: what the attempt failed with, TIMEOUT, or CLOSED. */
  async run(what: string, timeoutMs: number, attempt: () => Promise<void>): Promise<void> {
    const deadlineMs = this.clock.monotonic() + timeoutMs;
    for (let failures = 1; ; failures++) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof ClientError) || !error.retriable) throw error;
        const leftMs = deadlineMs - this.clock.monotonic();
        const { 'retry.backoff.ms': base, 'retry.backoff.max.ms': max } = this.config;
        const delayMs = backoffMs(this.ports.random, base, max, failures);
        if (delayMs >= leftMs) throw timedOut(what, error);
        await this.signal.sleep(delayMs);
        if (this.signal.isClosed) throw closedError();
      }
    }
  }
}
