import { ClientError } from '../client-error.ts';

/** The consumer's own errors: those that no broker answered. */
export function illegalState(message: string): ClientError {
  return new ClientError('ILLEGAL_STATE', message);
}

export function closedError(): ClientError {
  return new ClientError('CLOSED', 'the consumer was closed');
}

export function timedOut(what: string, cause?: ClientError): ClientError {
  const because = cause === undefined ? '' : `; last: ${cause.message}`;
  const outcome = cause?.outcome ?? 'failed';
  return new ClientError('TIMEOUT', `${what}: not within the time limit${because}`, {
    retriable: true,
    outcome,
    cause,
  });
}
