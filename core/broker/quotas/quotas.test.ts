import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { ClientQuotas } from '../../controller/client-quotas.ts';
import { alterClientQuotas, matchingQuotas, QUOTA_MATCH } from '../../controller/quota-decisions.ts';
import type { MetadataRecord } from '../../controller/records/metadata-record.ts';
import type { Clock } from '../../ports/clock.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { brokerConfig } from '../testing.ts';
import { BoundedMeters } from './bounded-meters.ts';
import { ConnectionQuota } from './connection-quota.ts';
import { QuotaLimits } from './quota-limits.ts';
import { Quotas, RequestThrottle } from './quotas.ts';
import { RateQuota } from './rate-quota.ts';
import { RateWindow } from './rate-window.ts';
import { TokenBucket } from './token-bucket.ts';

const SHAPE = { samples: 11, sampleMs: 1000 };

type Entity = Readonly<Record<string, string | null>>;

function alter(quotas: ClientQuotas, entity: Entity, key: string, value: number | null) {
  const parts = Object.entries(entity).map(([entityType, entityName]) => ({ entityType, entityName }));
  const { records, response } = alterClientQuotas(quotas, [
    { entity: parts, ops: [{ key, value: value ?? 0, remove: value === null }] },
  ]);
  for (const record of records) quotas.replay(record as Extract<MetadataRecord, { kind: 'clientQuota' }>);
  return response[0]!.errorCode;
}

function quotasOf(...set: readonly [Entity, string, number][]): ClientQuotas {
  const quotas = new ClientQuotas();
  for (const [entity, key, value] of set) expect(alter(quotas, entity, key, value)).toBe(ErrorCode.NONE);
  return quotas;
}

describe('which quota holds', () => {
  // From the least specific to the most: each one wins over those before it.
  const LEVELS: readonly Entity[] = [
    { 'client-id': null },
    { 'client-id': 'c' },
    { user: null },
    { user: null, 'client-id': null },
    { user: null, 'client-id': 'c' },
    { user: 'u' },
    { user: 'u', 'client-id': null },
    { user: 'u', 'client-id': 'c' },
  ];

  property.prop([fc.subarray(LEVELS.map((_, i) => i)), fc.boolean()])(
    'the most specific of eight levels',
    (chosen, hasId) => {
      const quotas = quotasOf(
        ...chosen.map((i): [Entity, string, number] => [LEVELS[i]!, 'producer_byte_rate', i + 1]),
      );
      const limits = new QuotaLimits(quotas, 'producer_byte_rate');
      // Without an id only the levels of users alone hold.
      const eligible = hasId ? chosen : chosen.filter((i) => !('client-id' in LEVELS[i]!));
      const expected = eligible.length === 0 ? null : Math.max(...eligible) + 1;
      expect(limits.of({ user: 'u', clientId: hasId ? 'c' : '' })?.limit ?? null).toBe(expected);
      expect(new QuotaLimits(quotas, 'consumer_byte_rate').isEmpty).toBe(true);
    },
  );

  test('who shares an allowance; an altered quota holds at the next look', () => {
    const quotas = quotasOf([{ user: null }, 'producer_byte_rate', 5]);
    const limits = new QuotaLimits(quotas, 'producer_byte_rate');
    const shareOf = (user: string, clientId: string) => limits.of({ user, clientId })?.shareKey;
    expect(shareOf('u', 'a')).toBe(shareOf('u', 'b'));
    expect(shareOf('u', 'a')).not.toBe(shareOf('v', 'a'));
    alter(quotas, { user: null, 'client-id': null }, 'producer_byte_rate', 6);
    expect(shareOf('u', 'a')).not.toBe(shareOf('u', 'b'));
    alter(quotas, { user: null, 'client-id': null }, 'producer_byte_rate', null);
    alter(quotas, { user: null }, 'producer_byte_rate', null);
    expect(limits.of({ user: 'u', clientId: 'a' })).toBe(null);
    alter(quotas, { 'client-id': null }, 'producer_byte_rate', 6);
    expect(shareOf('u', 'a')).toBe(shareOf('v', 'a'));
  });
});

describe('alterations and filters', () => {
  test.each<[string, Entity, string, number]>([
    ['an unknown key', { user: 'u' }, 'no_such_rate', 1],
    ['a key of addresses', { user: 'u' }, 'connection_creation_rate', 1],
    ['a key of clients', { ip: '127.0.0.1' }, 'producer_byte_rate', 1],
    ['nothing', { user: 'u' }, 'producer_byte_rate', 0],
    ['less than nothing', { user: 'u' }, 'producer_byte_rate', -1],
    ['half a byte', { user: 'u' }, 'producer_byte_rate', 1.5],
    ['too many connections', { ip: '127.0.0.1' }, 'connection_creation_rate', 2 ** 31],
    ['an unknown type', { planet: 'u' }, 'producer_byte_rate', 1],
    ['an empty name', { user: '' }, 'producer_byte_rate', 1],
    ['an address with a user', { ip: '127.0.0.1', user: 'u' }, 'connection_creation_rate', 1],
    ['no address', { ip: '300.1.2.3' }, 'connection_creation_rate', 1],
    ['nobody', {}, 'producer_byte_rate', 1],
  ])('%s is refused', (_, entity, key, value) => {
    const quotas = new ClientQuotas();
    expect(alter(quotas, entity, key, value)).toBe(ErrorCode.INVALID_REQUEST);
    expect([...quotas.entities()]).toEqual([]);
  });

  test('exact, default, any; strict', () => {
    const quotas = quotasOf(
      [{ user: 'u' }, 'producer_byte_rate', 1],
      [{ user: null }, 'producer_byte_rate', 2],
      [{ user: 'u', 'client-id': 'c' }, 'producer_byte_rate', 3],
      [{ ip: null }, 'connection_creation_rate', 4],
      [{ user: 'v' }, 'request_percentage', 0.5],
    );
    const ask = (isStrict: boolean, ...filters: readonly [string, number, (string | null)?][]) => {
      const found = matchingQuotas(
        quotas,
        filters.map(([entityType, matchType, match]) => ({ entityType, matchType, match: match ?? null })),
        isStrict,
      );
      return 'errorCode' in found ? found.errorCode : found.map(({ values }) => [...values.values()][0]);
    };
    expect(ask(false)).toEqual([1, 2, 3, 4, 0.5]);
    expect(ask(true)).toEqual([]);
    expect(ask(false, ['user', QUOTA_MATCH.EXACT, 'u'])).toEqual([1, 3]);
    expect(ask(true, ['user', QUOTA_MATCH.EXACT, 'u'])).toEqual([1]);
    expect(ask(true, ['user', QUOTA_MATCH.DEFAULT])).toEqual([2]);
    expect(ask(true, ['user', QUOTA_MATCH.ANY])).toEqual([1, 2, 0.5]);
    expect(ask(false, ['user', QUOTA_MATCH.ANY], ['client-id', QUOTA_MATCH.EXACT, 'c'])).toEqual([3]);
    expect(ask(false, ['ip', QUOTA_MATCH.ANY], ['user', QUOTA_MATCH.ANY])).toBe(ErrorCode.INVALID_REQUEST);
    expect(ask(false, ['user', QUOTA_MATCH.EXACT])).toBe(ErrorCode.INVALID_REQUEST);
    expect(ask(false, ['user', QUOTA_MATCH.ANY, 'u'])).toBe(ErrorCode.INVALID_REQUEST);
    expect(ask(false, ['user', 7])).toBe(ErrorCode.INVALID_REQUEST);
    expect(ask(false, ['user', QUOTA_MATCH.ANY], ['user', QUOTA_MATCH.ANY])).toBe(ErrorCode.INVALID_REQUEST);
    expect(ask(false, ['planet', QUOTA_MATCH.ANY])).toBe(ErrorCode.UNSUPPORTED_VERSION);
  });
});

describe('windows', () => {
  property.prop([
    fc.array(fc.record({ value: fc.integer({ min: 0, max: 1000 }), waitMs: fc.integer({ min: 0, max: 400 }) }), {
      minLength: 50,
      maxLength: 300,
    }),
  ])('who is silent for as long as he is told keeps to the rate, beside the burst of one window', (steps) => {
    const limit = 500;
    const window = new RateWindow(SHAPE);
    let nowMs = 0;
    let sum = 0;
    for (const { value, waitMs } of steps) {
      nowMs += waitMs;
      window.record(value, nowMs);
      sum += value;
      nowMs += window.throttleMs(limit, nowMs);
    }
    // All that was let through, beside a burst of one window.
    expect(sum).toBeLessThanOrEqual((limit * (nowMs + SHAPE.samples * SHAPE.sampleMs)) / 1000 + 1000);
  });

  property.prop([
    fc.array(fc.tuple(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 0, max: 3000 })), { maxLength: 200 }),
  ])('a token bucket never gives more than its burst and what time brings', (steps) => {
    const limit = 5;
    const bucket = new TokenBucket(SHAPE);
    let nowMs = 0;
    let taken = 0;
    let lastTaken = 0;
    for (const [count, waitMs] of steps) {
      nowMs += waitMs;
      const throttleMs = bucket.throttleMs(limit, nowMs);
      if (throttleMs > 0) {
        expect(bucket.throttleMs(limit, nowMs + throttleMs + 1)).toBe(0);
        nowMs += throttleMs + 1;
      }
      bucket.take(count, limit, nowMs);
      taken += count;
      lastTaken = count;
    }
    expect(taken - lastTaken).toBeLessThanOrEqual(limit * SHAPE.samples + (limit * nowMs) / 1000 + 1);
  });

  test('what is taken back counts no more; the most that a silent window lets through', () => {
    const quotas = quotasOf([{ 'client-id': 'c' }, 'consumer_byte_rate', 100]);
    const quota = new RateQuota(quotas, 'consumer_byte_rate', SHAPE);
    const holder = { user: 'u', clientId: 'c' };
    expect(quota.windowMax(holder)).toBe(1000);
    expect(quota.record(holder, 1000, 0)).toBe(0);
    expect(quota.record(holder, 500, 0)).toBe(5000);
    quota.takeBack(holder, 500, 0);
    expect(quota.record(holder, 0, 0)).toBe(0);
    expect(quota.record({ user: 'u', clientId: 'other' }, 1e9, 0)).toBe(0);
    expect(quota.windowMax({ user: 'u', clientId: 'other' })).toBe(Number.MAX_SAFE_INTEGER);
  });

  property.prop([
    fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 2_000_000 })), { maxLength: 300 }),
  ])('meters are bounded by number and by age', (uses) => {
    const meters = new BoundedMeters(() => ({}), 8);
    let nowMs = 0;
    for (const [name, waitMs] of uses) {
      nowMs += waitMs;
      expect(meters.of(String(name), nowMs)).toBe(meters.of(String(name), nowMs));
      expect(meters.size).toBeLessThanOrEqual(8);
    }
    if (uses.length === 0) return;
    meters.of('late', nowMs + 4_000_000);
    expect(meters.size).toBe(1);
  });
});

describe('request_percentage', () => {
  const broker = (percentage: number) => {
    const clientQuotas = quotasOf([{ user: 'ANONYMOUS' }, 'request_percentage', percentage]);
    const time = { nowMs: 0 };
    const clock = { monotonic: () => time.nowMs } as Clock;
    return { time, clock, quotas: new Quotas(clock, clientQuotas, brokerConfig({ 'quota.window.num': '2' })) };
  };

  test('the time of handlers is charged until they wait, and silence lasts at most a sample', () => {
    const { time, clock, quotas } = broker(10);
    const request = (busyMs: number, parkedMs = 0) => {
      const throttle = new RequestThrottle(quotas, clock, null);
      time.nowMs += busyMs;
      if (parkedMs > 0) throttle.waits();
      time.nowMs += parkedMs;
      throttle.chargeTime();
      return throttle.throttleMs;
    };
    time.nowMs = 1_000_000;
    expect(request(50, 200)).toBe(0);
    expect(request(40)).toBe(0);
    expect(request(100)).toBeGreaterThan(0);
    expect(request(10_000)).toBe(1000);
  });

  test('what is exempt, and without a quota everything, costs nothing', () => {
    const { time, clock, quotas } = broker(0.1);
    const exempt = new RequestThrottle(quotas, clock, 'c');
    exempt.exempt();
    time.nowMs += 5000;
    exempt.chargeTime();
    expect(exempt.throttleMs).toBe(0);
    exempt.atLeast(7);
    exempt.atLeast(3);
    expect(exempt.throttleMs).toBe(7);
    const free = new RequestThrottle(new Quotas(clock, new ClientQuotas(), brokerConfig()), clock, 'c');
    time.nowMs += 5000;
    free.chargeTime();
    expect(free.throttleMs).toBe(0);
  });
});

describe('connections', () => {
  const LIMITS = {
    connectionsMax: 100,
    connectionsPerIpMax: 3,
    perIpOverrides: new Map([['10.0.0.9', 5]]),
    creationRateMax: 2 ** 31 - 1,
  };

  test('from one address, with an override', () => {
    const quota = new ConnectionQuota(new ClientQuotas(), SHAPE, () => LIMITS);
    const kinds = (ip: string) => Array.from({ length: 6 }, () => quota.admit(ip, 0).kind).lastIndexOf('accept') + 1;
    expect([kinds('10.0.0.1'), kinds('10.0.0.9'), quota.open]).toEqual([3, 5, 8]);
    quota.closed('10.0.0.1');
    expect([kinds('10.0.0.1'), quota.open]).toEqual([1, 8]);
  });

  test('the rate of an address: over it, wait and be closed; the default is for all others', () => {
    const quotas = quotasOf(
      [{ ip: null }, 'connection_creation_rate', 2],
      [{ ip: '10.0.0.1' }, 'connection_creation_rate', 1],
    );
    const quota = new ConnectionQuota(quotas, SHAPE, () => ({ ...LIMITS, connectionsPerIpMax: 1000 }));
    const accepted = (ip: string, nowMs: number) =>
      Array.from({ length: 40 }, () => quota.admit(ip, nowMs)).filter(({ kind }) => kind === 'accept').length;
    expect([accepted('10.0.0.1', 0), accepted('10.0.0.2', 0)]).toEqual([10, 20]);
    expect(quota.admit('10.0.0.1', 0)).toMatchObject({ kind: 'refuse', waitMs: 1000 });
    expect([accepted('10.0.0.1', 60_000), quota.open]).toEqual([10, 40]);
  });

  test('the rate of all: each one waits behind those before it, and nobody for ever', () => {
    const quota = new ConnectionQuota(new ClientQuotas(), SHAPE, () => ({
      ...LIMITS,
      connectionsPerIpMax: 1000,
      creationRateMax: 1,
    }));
    const waits = Array.from({ length: 90 }, () => quota.admit('10.0.0.1', 0));
    expect(waits.slice(0, 10).every(({ kind, waitMs }) => kind === 'accept' && waitMs === 0)).toBe(true);
    const accepted = waits.filter(({ kind }) => kind === 'accept').map(({ waitMs }) => waitMs);
    expect(accepted).toEqual(accepted.toSorted((a, b) => a - b));
    expect(accepted.at(-1)).toBeLessThanOrEqual(30_000);
    expect(waits.at(-1)!.kind).toBe('refuse');
  });
});
