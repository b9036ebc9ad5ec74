import type { Clock } from '../../ports/clock.ts';
import { ErrorCode, errorOf } from '../../protocol/errors.ts';
import { InitProducerId } from '../../protocol/messages/22-init-producer-id.ts';
import { backoffMs } from '../../rpc/backoff.ts';
import type { ProducerConfig } from '../client-config.ts';
import { brokerError, type ClientError, connectionError } from '../client-error.ts';
import type { ClientPorts, Connections } from '../connections.ts';
import type { Accumulator } from './accumulator.ts';
import { nextEpoch, type ProducerIdentity } from './idempotence.ts';
import type { SenderMetrics } from './sender-metrics.ts';

/**
 * The identity of an idempotent producer without transactions: asked for at any broker, and its epoch raised by the producer itself where
 * numbers must begin again (KIP-360). When the epochs are used up a new producer id is asked for.
 *
 * Invariant: one request at a time, with backoff; an epoch is raised only while nothing of the partition is on the wire.
 */
const NO_TRANSACTION_TIMEOUT_MS = 0x7fff_ffff;

/** Who is told: at once, or at a monotonic time. */
export interface Waker {
  wake(): void;
  wakeAt(dueMs: number): void;
}

export class ProducerId {
  identity: ProducerIdentity | null = null;
  /** The error that ended this producer for good, or null. */
  fatal: ClientError | null = null;
  private readonly ports: ClientPorts;
  private readonly clock: Clock;
  private readonly config: ProducerConfig;
  private readonly connections: Connections;
  private readonly accumulator: Accumulator;
  private readonly metrics: SenderMetrics;
  private readonly waker: Waker;
  private isRequested = false;
  private failures = 0;
  private closed = false;

  constructor(
    ports: ClientPorts,
    config: ProducerConfig,
    connections: Connections,
    accumulator: Accumulator,
    metrics: SenderMetrics,
    waker: Waker,
  ) {
    this.ports = ports;
    this.clock = ports.clock;
    this.config = config;
    this.connections = connections;
    this.accumulator = accumulator;
    this.metrics = metrics;
    this.waker = waker;
  }

  close(): void {
    this.closed = true;
  }

  /** Raises the epoch where numbers must begin again and nothing of the partition is on the wire (KIP-360); without one left there is no identity. */
  restartSequences(): void {
    for (const { sequences } of this.accumulator.active) {
      if (this.identity === null) return;
      if (!sequences.needsRestart || sequences.hasBatchOnWire) continue;
      const raised = nextEpoch(this.identity);
      this.identity = raised;
      if (raised === null) return;
      this.metrics.epochsRaised++;
      sequences.restart(raised);
    }
  }

  /** Asks, unless that is under way. Never rejects. */
  async request(): Promise<void> {
    if (this.isRequested || this.closed) return;
    this.isRequested = true;
    let retryAfterMs = 0;
    try {
      const response = await this.connections
        .any()
        .request(InitProducerId, { transactionalId: null, transactionTimeoutMs: NO_TRANSACTION_TIMEOUT_MS });
      if (response.errorCode === ErrorCode.NONE) {
        this.identity = { producerId: response.producerId, epoch: response.producerEpoch };
        this.failures = 0;
        for (const { sequences } of this.accumulator.active) {
          if (sequences.needsRestart && !sequences.hasBatchOnWire) sequences.restart(this.identity);
        }
      } else if (errorOf(response.errorCode).retriable) retryAfterMs = this.backoffMs();
      else this.fatal = brokerError(response.errorCode, 'InitProducerId');
    } catch (error) {
      const failure = connectionError(error, 'InitProducerId');
      if (failure.kind === 'UNSUPPORTED_VERSION') this.fatal = failure;
      else retryAfterMs = this.backoffMs();
    }
    this.isRequested = false;
    if (this.closed) return;
    if (retryAfterMs > 0) this.waker.wakeAt(this.clock.monotonic() + retryAfterMs);
    else this.waker.wake();
  }

  private backoffMs(): number {
    const { 'retry.backoff.ms': base, 'retry.backoff.max.ms': max } = this.config;
    return backoffMs(this.ports.random, base, max, ++this.failures);
  }
}
