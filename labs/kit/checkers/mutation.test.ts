/** Each checker must see the one corruption of a valid history that it is there for, and must be silent before it. */
import { fc, test } from '@fast-check/vitest';
import { expect, test as plainTest } from 'vitest';
import type { History, Operation, OperationData, SeenRecord } from '../history.ts';
import { APPLICATION_CHECKS, LOG_CHECKS } from './all-checks.ts';
import { applyChecks } from './check.ts';
import type { CheckerName } from './finding.ts';
import { liveness } from './liveness.ts';
import { handwritten, playFaultlessly, record, rewrite, validHistory, withData } from './valid-history.ts';

const CHECKS = [...LOG_CHECKS, ...APPLICATION_CHECKS, liveness({ drainMsMax: 1_000_000 })];

function violations(history: History): CheckerName[] {
  return applyChecks(CHECKS, history)
    .filter((result) => result.status === 'invalid')
    .map((result) => result.checker);
}

type OfType<T extends OperationData['type']> = Operation & { readonly data: Extract<OperationData, { type: T }> };

function all<T extends OperationData['type']>(history: History, type: T, phase = 'ok'): OfType<T>[] {
  return history.operations.filter((o) => o.data.type === type && o.phase === phase) as OfType<T>[];
}

/** Picks one, or gives the plan up. */
function pick<T>(from: readonly T[], at: number): T {
  fc.pre(from.length > 0);
  return from[at % from.length]!;
}

function replace(history: History, operation: Operation, data: OperationData): History {
  return rewrite(history, (o) => [o === operation ? withData(o, data) : o]);
}

const drop = (history: History, matches: (o: Operation) => boolean): History =>
  rewrite(history, (o) => (matches(o) ? [] : [o]));

const MUTATIONS: Partial<Record<CheckerName, (history: History, at: number) => History>> = {
  'INCONSISTENT-OFFSET': (history, at) => {
    const poll = pick(all(history, 'poll'), at);
    const [first, ...rest] = poll.data.records;
    return replace(history, poll, { ...poll.data, records: [{ ...first!, value: 'x' }, ...rest] });
  },
  DUPLICATE: (history, at) => {
    const read = pick(
      all(history, 'final-read').filter((o) => o.data.records.length > 0),
      at,
    );
    const copy = { ...pick(read.data.records, at), offset: read.data.logEndOffset };
    return replace(history, read, { ...read.data, records: [...read.data.records, copy] });
  },
  'LOST-WRITE': (history, at) => {
    const later = (o: OfType<'send'>): boolean =>
      all(history, 'send').some((p) => p.data.partition === o.data.partition && p.data.offset! > o.data.offset!);
    const { value } = pick(all(history, 'send').filter(later), at).data;
    return rewrite(history, (o) => {
      const { data } = o;
      if (data.type === 'poll' || data.type === 'final-read') {
        return [withData(o, { ...data, records: data.records.filter((r) => r.value !== value) })];
      }
      return [o];
    });
  },
  UNSEEN: (history, at) => {
    const last = (o: OfType<'send'>): boolean =>
      !history.operations.some(
        ({ data }) =>
          (data.type === 'poll' || data.type === 'final-read') &&
          data.records.some((r) => r.partition === o.data.partition && r.offset > o.data.offset!),
      );
    const { value } = pick(all(history, 'send').filter(last), at).data;
    return rewrite(history, (o) => {
      const { data } = o;
      if (data.type === 'poll' || data.type === 'final-read') {
        return [withData(o, { ...data, records: data.records.filter((r) => r.value !== value) })];
      }
      return [o];
    });
  },
  'INT-NONMONOTONIC-POLL': (history, at) => {
    const poll = pick(
      all(history, 'poll').filter((o) => o.data.records.length > 1),
      at,
    );
    return replace(history, poll, { ...poll.data, records: poll.data.records.toReversed() });
  },
  'INT-POLL-SKIP': (history, at) => {
    const poll = pick(
      all(history, 'poll').filter((o) => o.data.records.length > 2),
      at,
    );
    return replace(history, poll, { ...poll.data, records: poll.data.records.toSpliced(1, 1) });
  },
  'NONMONOTONIC-POLL': (history, at) => {
    const poll = pick(all(history, 'poll'), at);
    return rewrite(history, (o) => (o === poll ? [o, { ...o, index: -1 }] : [o]));
  },
  'NONMONOTONIC-SEND': (history, at) => {
    const sends = all(history, 'send');
    const a = pick(sends, at);
    const b = pick(
      sends.filter((o) => o.index > a.index && o.data.partition === a.data.partition),
      at,
    );
    return rewrite(history, (o) => {
      if (o === a) return [withData(o, { ...a.data, offset: b.data.offset! })];
      return [o === b ? withData(o, { ...b.data, offset: a.data.offset! }) : o];
    });
  },
  'ABORTED-READ': (history, at) => {
    const send = pick(all(history, 'send'), at);
    return rewrite(history, (o) => [o === send ? { ...o, phase: 'fail' as const } : o]);
  },
  'EFFECT-LOSS': (history, at) => {
    const effect = pick(all(history, 'effect'), at);
    return drop(history, (o) => o === effect);
  },
  'EFFECT-DUPLICATE': (history, at) => {
    const effect = pick(all(history, 'effect'), at);
    return rewrite(history, (o) => (o === effect ? [o, { ...o, index: -1 }] : [o]));
  },
  'KEY-ORDER': (history, at) => {
    const acknowledged = new Set(all(history, 'send').map((o) => o.data.value));
    const effects = all(history, 'effect').filter((o) => acknowledged.has(o.data.value));
    const a = pick(effects, at);
    const b = pick(
      effects.filter((o) => o.index > a.index && o.data.key === a.data.key),
      at,
    );
    return rewrite(history, (o) => [o === a ? withData(o, b.data) : o === b ? withData(o, a.data) : o]);
  },
  'COMMIT-SAFE': (history, at) => {
    const commit = pick(all(history, 'commit'), at);
    const poll = history.operations.findLast((o) => o.index < commit.index && o.data.type === 'poll')!;
    // The commit moves before the effects that it covers.
    return rewrite(history, (o) => (o === commit ? [] : o === poll ? [o, commit] : [o]));
  },
  'COMMIT-MONOTONIC': (history, at) => {
    const commit = pick(all(history, 'commit'), at);
    const back = withData({ ...commit, index: -1 }, { ...commit.data, offset: commit.data.offset - 1 });
    return rewrite(history, (o) => (o === commit ? [o, back] : [o]));
  },
  OWNER: (history, at) => {
    const effect = pick(all(history, 'effect'), at);
    const effects = rewrite(history, (o) => [o === effect ? { ...o, process: 'c9' } : o]);
    const assigned: Operation = {
      index: -1,
      time: 0,
      process: 'c9',
      phase: 'ok',
      data: { type: 'assign', group: 'g', generation: 0, partitions: [{ topic: 'other', partition: 0 }] },
    };
    return rewrite(effects, (o) => (o.index === 0 ? [assigned, o] : [o]));
  },
  CONSERVATION: (history, at) => {
    const effect = pick(all(history, 'effect'), at);
    return replace(history, effect, { ...effect.data, value: 'ghost' });
  },
  LIVENESS: (history) => drop(history, (o) => o.data.type === 'drained'),
};

test.prop([validHistory])('a valid history is clean', (history) => {
  const findings = applyChecks(CHECKS, history).flatMap((result) => result.findings.filter((f) => !f.legal));
  expect(findings).toEqual([]);
});

for (const [name, mutate] of Object.entries(MUTATIONS)) {
  test.prop([validHistory, fc.nat()], { numRuns: 60 })(`${name} is seen`, (history, at) => {
    expect(violations(mutate(history, at))).toContain(name);
  });
}

/** Transactions of one producer, some aborted, each of two records, read by a consumer of committed ones; and read whole at the end. */
const transactionalHistory: fc.Arbitrary<History> = fc
  .array(fc.boolean(), { minLength: 2, maxLength: 12 })
  .filter((commits) => commits.includes(true) && commits.includes(false))
  .map((commits) => {
    const history = handwritten();
    const committed: SeenRecord[] = [];
    let offset = 0;
    for (const [number, isCommitted] of commits.entries()) {
      const transaction = `tx${number}`;
      history.note('p1', { type: 'transaction', action: 'begin', transaction });
      const records = [0, 1].map((at) => record(offset++, `${transaction}.${at}`));
      for (const each of records) history.note('p1', { type: 'send', ...each, transaction });
      // The marker has an offset too.
      offset++;
      const action = isCommitted ? 'commit' : 'abort';
      history.ok(history.invoke('p1', { type: 'transaction', action, transaction }));
      if (isCommitted) {
        history.note('c1', { type: 'poll', records, committedOnly: true });
        committed.push(...records);
      }
    }
    history.note('kit', {
      type: 'final-read',
      topic: 't',
      partition: 0,
      logStartOffset: 0,
      logEndOffset: offset,
      records: committed,
      committedOnly: true,
    });
    return { operations: history.operations, overflowed: false };
  });

const without = (records: readonly SeenRecord[], value: string): SeenRecord[] =>
  records.filter((each) => each.value !== value);

const TRANSACTION_MUTATIONS: readonly (readonly [CheckerName, string, (history: History, at: number) => History])[] = [
  [
    'TORN',
    'half of a committed transaction is gone',
    (history, at) => {
      const poll = pick(all(history, 'poll'), at);
      const { value } = pick(poll.data.records, at);
      return rewrite(history, (o) => {
        const { data } = o;
        if (data.type !== 'poll' && data.type !== 'final-read') return [o];
        return [withData(o, { ...data, records: without(data.records, value) })];
      });
    },
  ],
  [
    'ABORTED-READ',
    'a reader of committed records gets an aborted one',
    (history, at) => {
      const aborted = all(history, 'transaction').filter((o) => o.data.action === 'abort');
      const { transaction } = pick(aborted, at).data;
      const sent = all(history, 'send').find((o) => o.data.transaction === transaction)!;
      const seen = record(sent.data.offset!, sent.data.value);
      const end = all(history, 'final-read')[0]!;
      return replace(history, end, { ...end.data, records: [...end.data.records, seen] });
    },
  ],
  [
    'ABORTED-READ',
    'a transaction is seen before anybody asked to commit it',
    (history, at) => {
      const poll = pick(all(history, 'poll'), at);
      const transaction = poll.data.records[0]!.value.split('.')[0];
      const asked = history.operations.find(
        ({ data, phase }) => phase === 'invoke' && data.type === 'transaction' && data.transaction === transaction,
      );
      return rewrite(history, (o) => (o === poll ? [] : o === asked ? [poll, o] : [o]));
    },
  ],
  [
    'PRECOMMITTED-READ',
    'a transaction reads what it has written itself',
    (history, at) => {
      const poll = pick(all(history, 'poll'), at);
      return replace(history, poll, { ...poll.data, transaction: poll.data.records[0]!.value.split('.')[0]! });
    },
  ],
];

test.prop([transactionalHistory])('transactions that are read as they ended are clean', (history) => {
  expect(violations(history)).toEqual([]);
});

for (const [name, what, mutate] of TRANSACTION_MUTATIONS) {
  test.prop([transactionalHistory, fc.nat()], { numRuns: 60 })(`${name} is seen: ${what}`, (history, at) => {
    expect(violations(mutate(history, at))).toContain(name);
  });
}

plainTest('100,000 operations in a second or so a checker', () => {
  const steps = Array.from({ length: 40_000 }, (_, at) => ({
    kind: at % 2 === 0 ? ('send' as const) : ('consume' as const),
    key: at % 5,
    count: 1 + (at % 4),
  }));
  const history = playFaultlessly(steps);
  expect(history.operations.length).toBeGreaterThan(80_000);
  for (const check of CHECKS) {
    const began = performance.now();
    expect(check.apply(history).every((result) => result.status === 'valid')).toBe(true);
    expect(performance.now() - began, check.names.join()).toBeLessThan(3000);
  }
});
