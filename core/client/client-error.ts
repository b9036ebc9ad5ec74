import { errorOf } from '../protocol/errors.ts';
import { RpcError } from '../rpc/rpc-error.ts';

/**
 * What the client's calls fail with. `outcome` says what is known about the effect:
 * - `failed`: it certainly did not happen, and will not.
 * - `unknown`: it may have happened, or may still: a timeout, a connection that broke, a leader that stepped down while it had the request.
 *
 * `kind` is the name of Kafka's error, or one of the client's own below.
 */
export type Outcome = 'failed' | 'unknown';

export type ClientErrorKind =
  /** The call's own time limit: max.block.ms, delivery.timeout.ms, default.api.timeout.ms. */
  | 'TIMEOUT'
  /** No connection, or it broke. */
  | 'DISCONNECTED'
  /** The producer, consumer or admin was closed. */
  | 'CLOSED'
  /** A record larger than max.request.size or buffer.memory. */
  | 'RECORD_TOO_LARGE'
  /** Too many sends wait for memory or metadata. */
  | 'BUFFER_EXHAUSTED'
  /** auto.offset.reset=none, and a partition has no committed offset. */
  | 'NO_OFFSET_FOR_PARTITION'
  /** auto.offset.reset=none, and the position is outside the log. */
  | 'OFFSET_OUT_OF_RANGE'
  /** auto.offset.reset=none, and the log has lost what the consumer read before its position (KIP-320). */
  | 'LOG_TRUNCATION'
  /** Commit by a member that lost its place in the group. */
  | 'COMMIT_FAILED'
  /** The call does not fit the state: two polls at once, assign after subscribe. */
  | 'ILLEGAL_STATE'
  /** The broker does not support what is needed. */
  | 'UNSUPPORTED_VERSION'
  /** A name of Kafka's error table. */
  | (string & {});

export class ClientError extends Error {
  readonly kind: ClientErrorKind;
  /** Kafka's error code, or −1. */
  readonly code: number;
  readonly retriable: boolean;
  readonly outcome: Outcome;

  constructor(
    kind: ClientErrorKind,
    message: string,
    options: { code?: number; retriable?: boolean; outcome?: Outcome; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ClientError';
    this.kind = kind;
    this.code = options.code ?? -1;
    this.retriable = options.retriable ?? false;
    this.outcome = options.outcome ?? 'failed';
  }

  /** The same, for a caller who knows that trying again is of no use. */
  withoutRetry(): ClientError {
    return new ClientError(this.kind, this.message, { code: this.code, outcome: this.outcome, cause: this.cause });
  }
}

/** The error of a code that a broker answered; `context` says of what. */
export function brokerError(code: number, context: string, outcome: Outcome = 'failed', detail?: string | null) {
  const known = errorOf(code);
  const text = detail === undefined || detail === null || detail === '' ? known.message : detail;
  return new ClientError(known.name, `${context}: ${known.name} (${code}): ${text}`, {
    code,
    retriable: known.retriable,
    outcome,
  });
}

/** Makes a ClientError of what a call on a connection failed with. */
export function connectionError(error: unknown, context: string): ClientError {
  if (error instanceof ClientError) return error;
  if (error instanceof RpcError) {
    const kind = kindOf(error);
    const outcome = error.outcome === 'unknown' ? 'unknown' : 'failed';
    const retriable = kind !== 'UNSUPPORTED_VERSION' && kind !== 'CLOSED';
    return new ClientError(kind, `${context}: ${error.message}`, { retriable, outcome, cause: error });
  }
  return new ClientError('UNKNOWN', `${context}: ${error instanceof Error ? error.message : String(error)}`, {
    outcome: 'unknown',
    cause: error,
  });
}

function kindOf(error: RpcError): ClientErrorKind {
  switch (error.kind) {
    case 'unsupported-version':
      return 'UNSUPPORTED_VERSION';
    case 'timeout':
      return 'REQUEST_TIMED_OUT';
    case 'connect-failed':
    case 'connection-lost':
    case 'bad-response':
    case 'closed':
    case 'busy':
      return 'DISCONNECTED';
  }
}
