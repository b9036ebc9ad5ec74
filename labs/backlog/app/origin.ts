/**
 * Where a record stood in the source topic: its identity, whatever topic it is read from later.
 *
 * Invariant: a record that was forwarded carries its origin in two headers; a record of the source topic is its own origin. A record that is forwarded
 * twice has one origin.
 */
import type { PolledRecord } from '../../kit/drivers/driver.ts';

export interface Origin {
  readonly partition: number;
  readonly offset: number;
}

const PARTITION = 'source-partition';
const OFFSET = 'source-offset';

export function originHeaders(record: PolledRecord): Record<string, string> {
  return { [PARTITION]: String(record.partition), [OFFSET]: String(record.offset) };
}

export function originOf(record: PolledRecord): Origin {
  const { headers } = record;
  if (headers?.[PARTITION] === undefined) return { partition: record.partition, offset: record.offset };
  return { partition: Number(headers[PARTITION]), offset: Number(headers[OFFSET]) };
}
