import { expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import type { Effects, RebalanceLimits } from './classic-effects.ts';
import { ClassicGroup, type JoinResult, type SyncResult } from './classic-group.ts';
import { type JoinEvent, join } from './classic-join.ts';
import { heartbeat, leave, nextDeadline, sync, tick } from './classic-rebalance.ts';

const LIMITS: RebalanceLimits = {
  initialRebalanceDelayMs: 3000,
  sessionTimeoutMinMs: 6000,
  sessionTimeoutMaxMs: 1_800_000,
  sizeMax: 3,
};

/** A group driven by hand: its clock is a number, its stores commit when told. */
class Driver {
  readonly group = new ClassicGroup('g', 0);
  limits = LIMITS;
  time = 0;
  stores: NonNullable<Effects['store']>[] = [];
  private ids = 0;

  get now() {
    return { mono: this.time, wall: this.time };
  }

  carryOut({ replies, store }: Effects): void {
    for (const reply of replies) reply();
    if (store !== null) this.stores.push(store);
  }

  commit(errorCode: number = ErrorCode.NONE): void {
    const store = this.stores.shift();
    if (store === undefined) throw new Error('nothing to commit');
    this.carryOut(store.done(errorCode, this.now));
  }

  join(memberId: string, options: Partial<JoinEvent> = {}): { result: JoinResult | null } {
    const box: { result: JoinResult | null } = { result: null };
    this.carryOut(
      join(
        this.group,
        {
          memberId,
          groupInstanceId: null,
          clientId: 'c',
          clientHost: '/127.0.0.1',
          sessionTimeoutMs: 10_000,
          rebalanceTimeoutMs: 60_000,
          protocolType: 'consumer',
          protocols: [{ name: 'range', metadata: Buffer.from('m') }],
          requireKnownMemberId: false,
          supportsSkipAssignment: true,
          newMemberId: `id${++this.ids}`,
          reply: (result) => {
            if (box.result !== null) throw new Error('answered twice');
            box.result = result;
          },
          ...options,
        },
        this.limits,
        this.now,
      ),
    );
    return box;
  }

  sync(
    memberId: string,
    generationId: number,
    assignments: Record<string, string> = {},
    groupInstanceId: string | null = null,
  ) {
    const box: { result: SyncResult | null } = { result: null };
    this.carryOut(
      sync(
        this.group,
        {
          memberId,
          groupInstanceId,
          generationId,
          protocolType: null,
          protocolName: null,
          assignments: new Map(Object.entries(assignments).map(([id, text]) => [id, Buffer.from(text)])),
          reply: (result) => {
            if (box.result !== null) throw new Error('answered twice');
            box.result = result;
          },
        },
        this.limits,
        this.now,
      ),
    );
    return box;
  }

  advance(ms: number): void {
    const until = this.time + ms;
    for (;;) {
      const next = nextDeadline(this.group);
      if (next === null || next > until) break;
      this.time = Math.max(this.time, next);
      this.carryOut(tick(this.group, this.limits, this.now));
    }
    this.time = until;
  }

  /** A stable group of the given static instances (null: dynamic); returns member ids, the leader first. */
  stable(...instances: (string | null)[]): string[] {
    const joins = instances.map((groupInstanceId) => this.join('', { groupInstanceId }));
    this.advance(LIMITS.initialRebalanceDelayMs * instances.length + 1);
    const ids = joins.map((each) => each.result!.memberId);
    const assignments = Object.fromEntries(ids.map((id, i) => [id, `a${i}`]));
    const syncs = ids.map((id, i) => this.sync(id, this.group.generationId, i === 0 ? assignments : {}, instances[i]));
    this.commit();
    expect(syncs.map((each) => each.result?.assignment.toString())).toEqual(ids.map((_, i) => `a${i}`));
    expect(this.group.state).toBe('Stable');
    return ids;
  }
}

test('C45 C46 a dynamic member gets its id first (MEMBER_ID_REQUIRED), then joins with it', () => {
  const d = new Driver();
  const first = d.join('', { requireKnownMemberId: true });
  expect(first.result).toMatchObject({ errorCode: ErrorCode.MEMBER_ID_REQUIRED, memberId: 'id1' });
  const second = d.join('id1', { requireKnownMemberId: true });
  expect(second.result).toBeNull();
  d.advance(3000);
  expect(second.result).toMatchObject({
    errorCode: 0,
    generationId: 1,
    leader: 'id1',
    memberId: 'id1',
    protocolName: 'range',
  });
  expect(second.result?.members).toHaveLength(1);
});

test('a pending member that never comes back is forgotten after its session time-out and does not hold up the group', () => {
  const d = new Driver();
  d.stable(null);
  d.join('', { requireKnownMemberId: true });
  const other = d.join('');
  const old = d.join(d.group.leaderId!);
  d.advance(9999);
  expect(other.result).toBeNull();
  d.advance(1);
  expect(other.result?.generationId).toBe(2);
  expect(old.result?.generationId).toBe(2);
});

test('C46 the initial delay is extended by each new member and bounded by the rebalance time-out', () => {
  const d = new Driver();
  const a = d.join('');
  d.advance(2000);
  d.join('');
  d.advance(1500);
  expect(a.result).toBeNull();
  d.advance(2500);
  expect(a.result?.members).toHaveLength(2);
});

test('C46 group.max.size is enforced, and mismatched protocols are refused', () => {
  const d = new Driver();
  d.stable(null, null, null);
  expect(d.join('').result?.errorCode).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
  d.limits = { ...LIMITS, sizeMax: 10 };
  expect(d.join('', { protocolType: 'connect' }).result?.errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  expect(d.join('', { protocols: [{ name: 'other', metadata: Buffer.alloc(0) }] }).result?.errorCode).toBe(
    ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
  );
});

test('C47 only the leader sees the members; heartbeats say REBALANCE_IN_PROGRESS while members are awaited', () => {
  const d = new Driver();
  const [leader, follower] = d.stable(null, null) as [string, string];
  const joining = d.join('');
  expect(heartbeat(d.group, leader, null, 1, d.now)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
  const l = d.join(leader);
  const f = d.join(follower);
  expect(l.result?.members).toHaveLength(3);
  expect(f.result?.members).toHaveLength(0);
  expect(joining.result?.generationId).toBe(2);
  expect(heartbeat(d.group, leader, null, 1, d.now)).toBe(ErrorCode.ILLEGAL_GENERATION);
  expect(heartbeat(d.group, 'nobody', null, 2, d.now)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
});

test('C47 a member that gives up between join and sync does not wedge the group', () => {
  const d = new Driver();
  const [leader, follower] = d.stable(null, null) as [string, string];
  const third = d.join('');
  d.join(leader);
  d.join(follower);
  expect(d.group.state).toBe('CompletingRebalance');
  // The leader lives and never syncs. The follower waits, parked, and hears at the sync deadline that it must join again.
  const waiting = d.sync(follower, 2);
  for (let i = 0; i < 12; i++) {
    expect(waiting.result).toBeNull();
    for (const id of [leader, third.result!.memberId])
      expect(heartbeat(d.group, id, null, 2, d.now)).toBe(ErrorCode.NONE);
    d.advance(5000);
  }
  expect(waiting.result?.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
  expect(d.group.members.has(leader)).toBe(false);
  const again = d.join(follower);
  expect(again.result).toMatchObject({ errorCode: 0, leader: follower });
});

test('a member that does not rejoin within the rebalance time-out is removed; the next one leads', () => {
  const d = new Driver();
  const [leader, follower] = d.stable(null, null) as [string, string];
  const joining = d.join('');
  const rejoined = d.join(follower);
  for (let i = 0; i < 12; i++) {
    heartbeat(d.group, leader, null, 1, d.now);
    d.advance(5000);
  }
  expect(d.group.members.has(leader)).toBe(false);
  expect(rejoined.result).toMatchObject({ errorCode: 0, leader: follower });
  expect(joining.result?.errorCode).toBe(0);
});

test('a silent member is removed after its session time-out, and the group becomes empty with a stored record', () => {
  const d = new Driver();
  d.stable(null);
  d.advance(10_000);
  expect(d.group.state).toBe('Empty');
  expect(d.stores).toHaveLength(1);
  expect(nextDeadline(d.group)).toBeNull();
});

test('C48 a static member that comes back with the same subscription keeps its assignment without a rebalance; the old id is fenced', () => {
  const d = new Driver();
  const [leader, follower] = d.stable('one', 'two') as [string, string];
  const back = d.join('', { groupInstanceId: 'two' });
  d.commit();
  expect(back.result).toMatchObject({ errorCode: 0, generationId: 1, skipAssignment: false });
  expect(d.group.state).toBe('Stable');
  const newId = back.result!.memberId;
  expect(newId).not.toBe(follower);
  expect(d.sync(newId, 1, {}, 'two').result?.assignment.toString()).toBe('a1');
  expect(heartbeat(d.group, follower, 'two', 1, d.now)).toBe(ErrorCode.FENCED_INSTANCE_ID);
  const leaderBack = d.join('', { groupInstanceId: 'one' });
  d.commit();
  expect(leaderBack.result).toMatchObject({ skipAssignment: true, leader: leaderBack.result!.memberId });
  expect(leaderBack.result?.members).toHaveLength(2);
  const oldClient = d.join('', { groupInstanceId: 'one', supportsSkipAssignment: false });
  d.commit();
  expect(oldClient.result?.leader).toBe(leaderBack.result?.memberId);
  expect(d.group.members.has(leader)).toBe(false);
});

test('C48 a static member with another subscription rebalances; one that leaves by instance id is removed', () => {
  const d = new Driver();
  const [leader] = d.stable('one', 'two') as [string];
  const changed = d.join('', {
    groupInstanceId: 'two',
    protocols: [
      { name: 'roundrobin', metadata: Buffer.alloc(0) },
      { name: 'range', metadata: Buffer.from('other') },
    ],
  });
  d.commit();
  expect(changed.result?.generationId).toBe(1);
  const { errorCodes, effects } = leave(
    d.group,
    [
      { memberId: '', groupInstanceId: 'two' },
      { memberId: '', groupInstanceId: 'x' },
    ],
    LIMITS,
    d.now,
  );
  d.carryOut(effects);
  expect(errorCodes).toEqual([ErrorCode.NONE, ErrorCode.UNKNOWN_MEMBER_ID]);
  expect(d.group.state).toBe('PreparingRebalance');
  expect(d.join(leader, { groupInstanceId: 'one' }).result?.generationId).toBe(2);
});

test('an assignment that cannot be stored starts the rebalance again', () => {
  const d = new Driver();
  const joined = d.join('');
  d.advance(3000);
  const waiting = d.sync('id1', 1, { id1: 'x' });
  d.commit(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  expect(joined.result?.errorCode).toBe(0);
  expect(waiting.result?.errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  expect(d.group.state).toBe('PreparingRebalance');
});

test('a join that is sent again while it is parked answers the first one, too', () => {
  const d = new Driver();
  const [leader, follower] = d.stable(null, null) as [string, string];
  const first = d.join(leader);
  const second = d.join(leader);
  expect(first.result?.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
  d.join(follower);
  expect(second.result?.errorCode).toBe(0);
});
