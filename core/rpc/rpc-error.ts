/**
 * How a call can fail before a response with a Kafka error code exists. `outcome` is what the caller must know for a retry:
 * `not-sent` = the broker never saw the request; `unknown` = it may have carried it out.
 */
export type RpcErrorKind =
  /** No connection could be made. */
  | 'connect-failed'
  /** The connection broke while the request was in flight. */
  | 'connection-lost'
  /** No answer in time; the connection was given up with it. */
  | 'timeout'
  /** No version that both sides have. */
  | 'unsupported-version'
  /** The answer could not be read; the connection was given up. */
  | 'bad-response'
  /** This side had closed the client. */
  | 'closed'
  /** More requests wait than `pendingMax` allows. */
  | 'busy';

export class RpcError extends Error {
  readonly kind: RpcErrorKind;
  readonly outcome: 'not-sent' | 'unknown';

  constructor(kind: RpcErrorKind, outcome: 'not-sent' | 'unknown', message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'RpcError';
    this.kind = kind;
    this.outcome = outcome;
  }
}
