import { ErrorCode } from '../../protocol/errors.ts';
import { ListTransactions } from '../../protocol/messages/66-list-transactions.ts';
import { handlerOf } from '../handler.ts';

/**
 * ListTransactions 0–2: the transactional ids that this broker coordinates, by state, producer id, v1+ how long the transaction is open, v2+ a pattern that
 * the whole id must match.
 *
 * Kafka's patterns are RE2's, these are JavaScript's, where some patterns take time without bound: longer ones than an id needs are refused.
 */
const PATTERN_LENGTH_MAX = 256;

export const listTransactionsHandler = handlerOf(ListTransactions, (broker, request) => {
  const { stateFilters, producerIdFilters, durationFilter, transactionalIdPattern } = request;
  const pattern = patternOf(transactionalIdPattern);
  if (pattern === undefined) {
    return { errorCode: ErrorCode.INVALID_REGULAR_EXPRESSION, unknownStateFilters: [], transactionStates: [] };
  }
  const { errorCode, unknownStates, transactions } = broker.transactions.list({
    states: stateFilters,
    producerIds: producerIdFilters,
    durationMs: durationFilter,
    pattern,
  });
  return {
    errorCode,
    unknownStateFilters: unknownStates,
    transactionStates: transactions.map(({ transactionalId, producerId, state }) => ({
      transactionalId,
      producerId,
      transactionState: state,
    })),
  };
});

/** null: no pattern. undefined: none that can be read. */
function patternOf(text: string | null): RegExp | null | undefined {
  if (text === null || text === '') return null;
  if (text.length > PATTERN_LENGTH_MAX) return undefined;
  try {
    return new RegExp(`^(?:${text})$`, 'u');
  } catch {
    return undefined;
  }
}
