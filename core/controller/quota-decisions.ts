import { ErrorCode } from '../protocol/errors.ts';
import {
  CLIENT_ID_ENTITY,
  type ClientQuotas,
  type EntityQuotas,
  entityKey,
  IP_ENTITY,
  LOCALHOST,
  type QuotaEntity,
  USER_ENTITY,
} from './client-quotas.ts';
import { ACCEPTED, type Decision, type Outcome, refused } from './decision.ts';
import type { NewMetadataRecord } from './records/metadata-record.ts';

/** Decisions about clients' quotas, pure (KIP-546): which exist, which values they take, which entities a filter means. */
interface EntityPart {
  readonly entityType: string;
  readonly entityName: string | null;
}

export interface QuotaAlteration {
  readonly entity: readonly EntityPart[];
  readonly ops: readonly { readonly key: string; readonly value: number; readonly remove: boolean }[];
}

export interface AlteredQuotas extends Outcome {
  readonly entity: readonly EntityPart[];
}

/** Keys and their types, as Kafka has them: a whole number must be one, and fit. */
const INT_MAX = 2 ** 31 - 1;
const LONG_MAX = 2 ** 63;
const CLIENT_KEYS: ReadonlyMap<string, 'long' | 'double'> = new Map([
  ['producer_byte_rate', 'long'],
  ['consumer_byte_rate', 'long'],
  ['request_percentage', 'double'],
  ['controller_mutation_rate', 'double'],
]);
const IP_KEYS: ReadonlyMap<string, 'int'> = new Map([['connection_creation_rate', 'int']]);
const FRACTION_MAX = 1e-6;

/** Each entity is altered whole or not at all. */
export function alterClientQuotas(
  quotas: ClientQuotas,
  alterations: readonly QuotaAlteration[],
): Decision<readonly AlteredQuotas[]> {
  const records: NewMetadataRecord[] = [];
  const outcomes = new Map<string, AlteredQuotas>();
  for (const { entity: given, ops } of alterations) {
    const entity = canonical(given);
    const key = entityKey(entityOf(entity));
    const outcome = outcomes.has(key)
      ? invalid('The entity is named twice in one request; the second is ignored.')
      : alterEntity(quotas, entity, ops, records);
    outcomes.set(key, { ...outcome, entity });
  }
  return { records, response: [...outcomes.values()] };
}

function alterEntity(
  quotas: ClientQuotas,
  parts: readonly EntityPart[],
  ops: QuotaAlteration['ops'],
  records: NewMetadataRecord[],
): Outcome {
  const keys = ops.map((op) => op.key);
  const twice = keys.find((key, i) => keys.indexOf(key) !== i);
  if (twice !== undefined) return invalid(`Duplicate quota key ${twice}; the entity's quotas are left as they are.`);
  const problem = entityProblem(parts);
  if (problem !== null) return invalid(problem);
  const entity = entityOf(parts);
  const current = quotas.quotasOf(entity);
  const made: NewMetadataRecord[] = [];
  for (const { key, value, remove } of ops) {
    if (remove) {
      if (current.has(key)) made.push({ kind: 'clientQuota', entity: parts, key, value: 0, remove: true });
      continue;
    }
    const valueProblem = quotaProblem(entity.has(IP_ENTITY), key, value);
    if (valueProblem !== null) return invalid(valueProblem);
    if (current.get(key) !== value) made.push({ kind: 'clientQuota', entity: parts, key, value, remove: false });
  }
  records.push(...made);
  return ACCEPTED;
}

function entityProblem(parts: readonly EntityPart[]): string | null {
  if (parts.length === 0) return 'Invalid empty client quota entity';
  const types = new Set<string>();
  for (const { entityType, entityName } of parts) {
    types.add(entityType);
    if (!isEntityType(entityType)) return `Unhandled client quota entity type: ${entityType}`;
    if (entityName === '') return `Empty ${entityType} not supported`;
  }
  if (!types.has(IP_ENTITY)) return null;
  if (types.size > 1) return 'An ip entity does not go together with user or client-id.';
  const ip = parts[0]!.entityName;
  return ip === null || isHost(ip) ? null : `${ip} is not a valid IP or resolvable host.`;
}

function quotaProblem(isIp: boolean, key: string, value: number): string | null {
  const type = (isIp ? IP_KEYS : CLIENT_KEYS).get(key);
  if (type === undefined) return `Invalid configuration key ${key}`;
  if (!(value > 0)) return `Quota ${key} must be greater than 0`;
  if (type === 'double') return null;
  if (value > (type === 'int' ? INT_MAX : LONG_MAX)) {
    return `Proposed value for ${key} is too large for ${type === 'int' ? 'an INT' : 'a LONG'}.`;
  }
  return Math.abs(value % 1) > FRACTION_MAX ? `${key} cannot be a fractional value.` : null;
}

/** An address. Names are refused, but for the one that always means this machine: a decision asks no name service, and a quota that meets nobody would be a lie. */
function isHost(text: string): boolean {
  if (/^\d+(\.\d+)*$/.test(text)) {
    const numbers = text.split('.').map(Number);
    return numbers.length === 4 && numbers.every((each) => each <= 255);
  }
  if (text.includes(':')) return /^\[?[0-9a-fA-F:]+(:\d+\.\d+\.\d+\.\d+)?(%\w+)?\]?$/.test(text);
  return text === LOCALHOST;
}

function isEntityType(type: string): boolean {
  return type === USER_ENTITY || type === CLIENT_ID_ENTITY || type === IP_ENTITY;
}

/** One part for each type, the last one given; in one order, so that equal entities look equal. */
function canonical(parts: readonly EntityPart[]): readonly EntityPart[] {
  return [...entityOf(parts)]
    .map(([entityType, entityName]) => ({ entityType, entityName }))
    .sort((a, b) => (a.entityType < b.entityType ? -1 : 1));
}

function entityOf(parts: readonly EntityPart[]): QuotaEntity {
  return new Map(parts.map(({ entityType, entityName }) => [entityType, entityName]));
}

function invalid(message: string): Outcome {
  return refused(ErrorCode.INVALID_REQUEST, message);
}

export const QUOTA_MATCH = { EXACT: 0, DEFAULT: 1, ANY: 2 } as const;

export interface QuotaFilter {
  readonly entityType: string;
  /** One of QUOTA_MATCH, as it came from the wire. */
  readonly matchType: number;
  readonly match: string | null;
}

/** The entities that have every type of the filter, by the name asked for; strict ones have no other type. */
export function matchingQuotas(
  quotas: ClientQuotas,
  filters: readonly QuotaFilter[],
  isStrict: boolean,
): readonly EntityQuotas[] | Outcome {
  const types = new Set<string>();
  for (const filter of filters) {
    const problem = filterProblem(filter, types);
    if (problem !== null) return problem;
    types.add(filter.entityType);
  }
  if (types.has(IP_ENTITY) && types.size > 1)
    return invalid('An ip filter does not go together with user or client-id.');
  return [...quotas.entities()].filter(
    ({ entity }) =>
      (!isStrict || entity.size === filters.length) &&
      filters.every(({ entityType, matchType, match }) => {
        const name = entity.get(entityType);
        if (name === undefined) return false;
        return matchType === QUOTA_MATCH.ANY || name === match;
      }),
  );
}

function filterProblem({ entityType, matchType, match }: QuotaFilter, types: ReadonlySet<string>): Outcome | null {
  if (entityType === '') return invalid('Invalid empty entity type.');
  if (types.has(entityType)) return invalid(`Entity type ${entityType} cannot appear more than once in the filter.`);
  if (!isEntityType(entityType)) return refused(ErrorCode.UNSUPPORTED_VERSION, `Unsupported entity type ${entityType}`);
  switch (matchType) {
    case QUOTA_MATCH.EXACT:
      return match === null ? invalid('An exact match needs a name.') : null;
    case QUOTA_MATCH.DEFAULT:
    case QUOTA_MATCH.ANY:
      return match === null ? null : invalid('Only an exact match takes a name.');
    default:
      return invalid(`Unknown match type ${matchType}`);
  }
}
