import type { SimRandom } from '../../ports/sim/random.ts';
import {
  type AnyField,
  type Fields,
  includes,
  isField,
  type Message,
  type PrimitiveName,
} from '../../protocol/schema.ts';
import { hostileBatch } from './hostile-batch.ts';

/**
 * Requests that get past the decoder: values made from a message's schema, out of names that exist, ids that the broker gave, and numbers at the edges.
 *
 * What a request may rightly do to others is left out, or the witness of a campaign would be hurt by rights: settings of brokers, default quotas,
 * brokers that exist, topics that are not `fuzz-…`, and times or counts that merely take long.
 */
export const FUZZ_TOPICS = ['fuzz-0', 'fuzz-1', 'fuzz-2'] as const;
const TEXTS = ['', 'a', 'range', 'uniform', 'consumer', 'share', '*', '^fuzz.*', '(', '\u0000', 'ünï', 'x'.repeat(300)];
const GROUPS = ['group-0', 'group-1', 'group-2', 'share-0', 'share-1', ''];
const SETTINGS = [
  'retention.ms',
  'cleanup.policy',
  'segment.bytes',
  'max.message.bytes',
  'compression.type',
  'no.such',
];
const VALUES = ['-1', '0', '1', '1048576', 'compact', 'delete', 'compact,delete', 'gzip', 'LogAppendTime', ''];
const SMALL = [-1, 0, 0, 0, 1, 1, 2, 3];
const EDGES = [-2, -1, 0, 0, 1, 1, 2, 3, 100, 0x7f];
const WIDE = [0x7fff, -0x8000];
const WIDER = [0x7fff_ffff, -0x8000_0000];
const WIDEST = [2 ** 31, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER];
const LEARNED_MAX = 12;
/** Given by the broker, and worth giving back. */
const LEARNABLE = new Set([
  'memberId',
  'topicId',
  'producerId',
  'producerEpoch',
  'sessionId',
  'generationId',
  'memberEpoch',
  'clientInstanceId',
  'subscriptionId',
]);

export class Plausible {
  private readonly learned = new Map<string, unknown[]>();
  /** Ids that are not to be touched. */
  private readonly untouchable: ReadonlySet<unknown>;

  constructor(untouchable: Iterable<unknown>) {
    this.untouchable = new Set(untouchable);
  }

  /** Takes from a decoded answer what later requests may name. */
  learn(value: unknown): void {
    if (Array.isArray(value)) {
      for (const each of value.slice(0, 20)) this.learn(each);
    } else if (value !== null && typeof value === 'object' && !(value instanceof Uint8Array)) {
      for (const [name, each] of Object.entries(value)) {
        if (!LEARNABLE.has(name)) this.learn(each);
        else if (!this.untouchable.has(each)) this.keep(name, each);
      }
    }
  }

  private keep(name: string, value: unknown): void {
    const known = this.learned.get(name) ?? [];
    if (known.includes(value)) return;
    known.push(value);
    if (known.length > LEARNED_MAX) known.shift();
    this.learned.set(name, known);
  }

  make(message: Message<Fields>, version: number, random: SimRandom): Record<string, unknown> {
    return this.struct(message.fields, version, random, '');
  }

  private struct(fields: Fields, version: number, random: SimRandom, path: string): Record<string, unknown> {
    const made: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(fields)) {
      if (includes(field.versions, version)) made[name] = this.field(field, name, version, random, path);
    }
    return made;
  }

  private field(field: AnyField, name: string, version: number, random: SimRandom, path: string): unknown {
    const { shape } = field;
    if (includes(field.nullable, version) && name !== 'entityName' && random.chance(0.2)) return null;
    switch (shape.kind) {
      case 'primitive':
        return this.primitive(shape.name, name, path, random);
      case 'struct':
        return this.struct(shape.fields, version, random, `${path}/${name}`);
      case 'array': {
        const count = random.chance(0.02) ? 40 : random.integer(4);
        const { element } = shape;
        return Array.from({ length: count }, () =>
          isField(element)
            ? this.field(element, name, version, random, path)
            : this.struct(element, version, random, `${path}/${name}`),
        );
      }
    }
  }

  private primitive(kind: PrimitiveName, name: string, path: string, random: SimRandom): unknown {
    const pick = <T>(from: readonly T[]): T => from[random.integer(from.length)]!;
    const known = this.learned.get(name);
    if (known !== undefined && known.length > 0 && random.chance(0.7)) return pick(known);
    switch (kind) {
      case 'bool':
        return name === 'validateOnly' && path === '' ? random.chance(0.8) : random.chance(0.5);
      case 'string':
        return textFor(name, path, random, pick);
      case 'uuid':
        return random.chance(0.3) ? Buffer.alloc(16).toString('base64url') : random.bytes(16).toString('base64url');
      case 'bytes':
        return random.bytes(random.integer(40));
      case 'records':
        return hostileBatch(random, Date.now());
      case 'float64':
        return pick([-1, 0, 1, 1000, 1e12, Number.NaN, Number.POSITIVE_INFINITY]);
      default:
        return numberFor(kind, name, pick, random);
    }
  }
}

type Pick = <T>(from: readonly T[]) => T;

function textFor(name: string, path: string, random: SimRandom, pick: Pick): string {
  if (name === 'entityType') return pick(['user', 'client-id', 'ip', 'nonsense']);
  if (name === 'entityName' || name === 'match') return 'fuzz';
  if (name === 'feature') return 'nonsense';
  if (/configs$/i.test(path)) return name === 'name' ? pick(SETTINGS) : pick(VALUES);
  if (name === 'transactionalId' || name === 'transactionalIds') return pick(['tx-0', 'tx-1', '']);
  if (/group/i.test(name) && !/instance/i.test(name)) return pick(GROUPS);
  if (name === 'key' || name === 'coordinatorKeys') return pick([...GROUPS, 'tx-0']);
  if (name === 'path') return '/no/such/folder';
  const isTopic = /topic/i.test(name) || (name === 'name' && /topic|^$/i.test(path)) || name === 'resourceName';
  if (isTopic && random.chance(0.85)) return pick(FUZZ_TOPICS);
  if (isTopic) return pick(['fuzz-3', 'fuzz no topic', 'x'.repeat(300), '..', 'fuzz.-_']);
  return random.chance(0.8) ? pick(TEXTS) : random.bytes(random.integer(30)).toString('latin1');
}

function numberFor(kind: PrimitiveName, name: string, pick: Pick, random: SimRandom): number {
  if (name === 'resourceType') return pick([2, 2, 16, 32, 0]);
  if (/brokerId|nodeId/i.test(name)) return pick([-1, 7777]);
  if (/sessionTimeout/i.test(name)) return pick([6000, 10_000, 0]);
  if (/(Ms|Millis|Millisecond|Timeout)$/.test(name)) return pick([0, 1, 10, 50]);
  if (name === 'acks') return pick([-1, -1, 1, 1, 0, 2]);
  if (/numPartitions|replicationFactor|^count$|partition(s|Index|Indexes)?$/i.test(name)) return pick(SMALL);
  const unsigned = kind === 'uint16' || kind === 'uint32';
  const values = kind === 'int8' ? EDGES : [...EDGES, ...(unsigned ? [0x7fff] : WIDE)];
  if (kind === 'int32' && random.chance(0.2)) return pick(WIDER);
  if (kind === 'int64' && random.chance(0.2)) return pick(WIDEST);
  const value = pick(values);
  return unsigned ? Math.abs(value) : value;
}
