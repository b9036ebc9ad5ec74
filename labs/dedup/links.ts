/**
 * What one life of a consumer has in its hands: its stores and its consumer, each call a request that faults may strike before and after, and
 * everything recorded.
 *
 * Invariant: the application's calls go through unchanged; an `effect` is recorded in the step that makes it, inside a transaction in the step that commits it.
 */
import type { ConsumerDriver } from '../kit/drivers/driver.ts';
import type { Call, Recorder } from '../kit/history.ts';
import type { AppProcess } from '../kit/targets/target.ts';
import { type Member, noProgress } from './member.ts';
import {
  type Database,
  type DatabaseSession,
  inTransaction,
  type KeyValueSession,
  type KeyValueStore,
  type SqlResult,
} from './stores/store.ts';
import {
  INSERT_DEPARTURE,
  LOOK_UP_DEPARTURE,
  UPDATE_DEPARTURE,
  UPSERT_ADD,
  UPSERT_DEPARTURE,
} from './strategies/primary-key.ts';
import { type Flight, readFlight, type Stores } from './strategies/strategy.ts';
import { INSERT_PROCESSED } from './strategies/unique-constraint.ts';

/** What is counted as the effect: `departures` in the database, `redis` keys, or `notices` outside the database. */
export type EffectKind = 'departures' | 'redis' | 'notices';

const EFFECTS_IN_DATABASE: ReadonlySet<string> = new Set([
  INSERT_DEPARTURE,
  UPDATE_DEPARTURE,
  UPSERT_DEPARTURE,
  UPSERT_ADD,
]);
const EFFECTS_IN_REDIS = /^(departure|latest|newest):/;

export interface LinkSettings {
  readonly member: Member;
  readonly life: AppProcess;
  readonly effect: EffectKind;
  /** The record's value by the flight's id. */
  readonly recordOf: (id: string) => string;
  readonly generation: () => number;
}

function effectCall(recorder: Recorder, settings: LinkSettings, id: string): Call {
  const { member, recordOf, generation } = settings;
  const flight = member.held.find((held) => held.id === id);
  const value = recordOf(id);
  return recorder.invoke(member.name, {
    type: 'effect',
    key: flight?.airport ?? null,
    value,
    generation: generation(),
  });
}

/** A statement in a few words. */
function statementText(sql: string, id: unknown): string {
  const words = /^(SELECT .* FROM|INSERT INTO|UPDATE|DELETE FROM) (\w+)/.exec(sql);
  const verb = words === null ? sql : `${words[1]!.replace(/^SELECT .* FROM/, 'SELECT FROM')} ${words[2]}`;
  return id === undefined ? verb : `${verb} ${id}`;
}

export function linkDatabase(session: DatabaseSession, settings: LinkSettings): Database {
  const { member, life } = settings;
  const { recorder } = member;
  /** Effects and ids of the open transaction. */
  let pending: { effects: string[]; id: boolean } | null = null;

  const ask = async (
    text: string,
    id: string | undefined,
    perform: () => Promise<SqlResult>,
    apply: (result: SqlResult) => void,
  ) => {
    await member.step(life);
    const call = recorder.invoke(member.name, {
      type: 'store',
      text,
      ...(id === undefined ? {} : { value: settings.recordOf(id) }),
    });
    return member.request(life, perform, (result) => {
      if (result instanceof Error) recorder.fail(call, result.message);
      else {
        recorder.ok(call);
        apply(result);
      }
    });
  };

  const query = async (sql: string, values: readonly (string | number | null)[] = []): Promise<SqlResult> => {
    const id = values[0] === undefined ? undefined : String(values[0]);
    const isEffect = settings.effect === 'departures' && EFFECTS_IN_DATABASE.has(sql) && id !== undefined;
    if (isEffect && pending === null) {
      await member.step(life);
      const call = effectCall(recorder, settings, id);
      return member.request(
        life,
        () => session.query(sql, values),
        (result) => {
          if (result instanceof Error) recorder.fail(call, result.message);
          else {
            recorder.ok(call);
            member.progress.effect = true;
          }
        },
      );
    }
    return ask(
      statementText(sql, id),
      id,
      () => session.query(sql, values),
      ({ changes }) => {
        if (sql === LOOK_UP_DEPARTURE) member.progress.checked = true;
        const isId = sql === INSERT_PROCESSED && changes > 0;
        if (pending !== null) {
          if (isEffect) pending.effects.push(id);
          if (isId) pending.id = true;
        } else if (isId) member.progress.id = true;
        if (sql === INSERT_PROCESSED && changes === 0) member.progress.checked = true;
      },
    );
  };

  const nothing = async (perform: () => Promise<void>): Promise<SqlResult> => {
    await perform();
    return { rows: [], changes: 0 };
  };

  return {
    query,
    transaction: (body) =>
      inTransaction(
        {
          query,
          begin: async () => {
            await ask(
              'BEGIN',
              undefined,
              () => nothing(() => session.begin()),
              () => {
                pending = { effects: [], id: false };
                member.progress.open = true;
              },
            );
          },
          commit: async () => {
            const { effects, id } = pending!;
            await member.step(life);
            const store = effects.length === 0 ? recorder.invoke(member.name, { type: 'store', text: 'COMMIT' }) : null;
            const calls = effects.map((effect) => effectCall(recorder, settings, effect));
            await member.request(
              life,
              () => nothing(() => session.commit()),
              (result) => {
                pending = null;
                member.progress.open = false;
                for (const call of store === null ? calls : [store]) {
                  if (result instanceof Error) recorder.info(call, result.message);
                  else recorder.ok(call);
                }
                if (result instanceof Error) return;
                if (effects.length > 0 || settings.effect !== 'departures')
                  member.progress.effect ||= effects.length > 0;
                if (id) member.progress.id = true;
              },
            );
          },
          rollback: async () => {
            await ask(
              'ROLLBACK',
              undefined,
              () => nothing(() => session.rollback()),
              () => {
                pending = null;
                member.progress.open = false;
              },
            );
          },
        },
        body,
      ),
  };
}

export function linkRedis(session: KeyValueSession, settings: LinkSettings): KeyValueStore {
  const { member, life, effect } = settings;
  const { recorder } = member;

  const ask = async <T>(
    text: string,
    id: string,
    isEffect: boolean,
    perform: () => Promise<T>,
    apply: (result: T) => void,
  ): Promise<T> => {
    await member.step(life);
    const call = isEffect
      ? effectCall(recorder, settings, id)
      : recorder.invoke(member.name, { type: 'store', text, value: settings.recordOf(id) });
    return member.request(life, perform, (result) => {
      if (result instanceof Error) recorder.fail(call, result.message);
      else {
        recorder.ok(call);
        if (isEffect) member.progress.effect = true;
        apply(result);
      }
    });
  };
  /** `id:v0` is about v0; `latest:ABQ` about what is written there. */
  const idOf = (key: string, value: string): string =>
    EFFECTS_IN_REDIS.test(key) ? (value.split(' ')[0] ?? '') : key.slice(key.indexOf(':') + 1);

  return {
    get: (key) =>
      ask(
        `GET ${key}`,
        idOf(key, ''),
        false,
        () => session.get(key),
        () => {
          member.progress.checked = true;
        },
      ),
    set: (key, value, options = {}) => {
      const words = `SET ${key} ${value}${options.onlyIfAbsent === true ? ' NX' : ''}${options.expireMs === undefined ? '' : ` PX ${options.expireMs}`}`;
      const isEffect = effect === 'redis' && EFFECTS_IN_REDIS.test(key);
      return ask(
        words,
        idOf(key, value),
        isEffect,
        () => session.set(key, value, options),
        (isSet) => {
          if (isSet && key.startsWith('id:')) member.progress.id = value === 'working' ? 'lease' : true;
          if (!isSet) member.progress.checked = true;
        },
      );
    },
    append: (key, value) =>
      ask(
        `RPUSH ${key} ${value}`,
        value,
        effect === 'notices',
        () => session.append(key, value),
        () => {},
      ),
    setIfNewer: (key, version, value) =>
      ask(
        `SET ${key} ${value} if newer`,
        value,
        effect === 'redis',
        () => session.setIfNewer(key, version, value),
        () => {},
      ),
  };
}

export interface ConsumerLink extends LinkSettings {
  readonly group: string;
  readonly polled: (flights: readonly Flight[]) => void;
  readonly committed: (offset: number) => void;
}

export function linkConsumer(consumer: ConsumerDriver, settings: ConsumerLink): ConsumerDriver {
  const { member, life, group } = settings;
  const { recorder } = member;
  return {
    get generation() {
      return consumer.generation;
    },
    native: consumer.native,
    poll: async (maxWaitMs) => {
      member.held = [];
      member.isIdle = true;
      const records = await consumer.poll(maxWaitMs);
      if (records.length === 0) return records;
      member.isIdle = false;
      recorder.note(member.name, { type: 'poll', records });
      member.progress = noProgress();
      member.held = records.map(readFlight);
      settings.polled(member.held);
      return records;
    },
    commit: async (offsets) => {
      await member.step(life);
      const calls = offsets.map((at) =>
        recorder.invoke(member.name, { type: 'commit', group, generation: consumer.generation, ...at }),
      );
      const answer = await consumer.commit(offsets);
      for (const call of calls) {
        if (answer.outcome === 'ok') recorder.ok(call);
        else if (answer.outcome === 'fail') recorder.fail(call, answer.error);
        else recorder.info(call, answer.error);
      }
      if (answer.outcome === 'ok') {
        member.progress.committed = true;
        for (const { offset } of offsets) settings.committed(offset);
      }
      await member.step(life);
      return answer;
    },
    seek: (at) => consumer.seek(at),
    pause: (partitions) => consumer.pause(partitions),
    resume: (partitions) => consumer.resume(partitions),
    close: () => consumer.close(),
  };
}

/** Everything that the application gets. `began` is told which record it turns to. */
export function linkStores(database: DatabaseSession, redis: KeyValueSession, settings: LinkSettings): Stores {
  const { member, life } = settings;
  return {
    database: linkDatabase(database, settings),
    redis: linkRedis(redis, settings),
    sleep: (ms) =>
      new Promise((resolve) => {
        life.ports.clock.setTimer(ms, () => {
          if (life.alive && member.app === life) resolve();
        });
      }),
  };
}
