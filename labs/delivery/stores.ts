/**
 * The target database (SQLite, embedded) as a consumer's life has it in its hands: every statement is a step where faults strike, and everything is recorded.
 *
 * Invariant: an effect is recorded in the step that commits it. A life that ends takes its open transaction with it: rolled back.
 */

import { EmbeddedDatabase } from '../dedup/stores/embedded-database.ts';
import type { DatabaseSession } from '../dedup/stores/store.ts';
import type { Recorder } from '../kit/history.ts';
import type { Life } from '../kit/members.ts';
import { INSERT_RESULT, MOVE, MOVE_IF_THERE, SELECT_POSITION } from './app/database.ts';
import type { Database, Sql, SqlAnswer } from './app/hands.ts';

export const BEGIN = 'BEGIN';

export class LinkedDatabase {
  readonly #server: EmbeddedDatabase;
  readonly #sessions = new Map<Life, DatabaseSession>();
  #position = 0;
  readonly #results = new Map<string, number>();

  constructor(tables: readonly string[]) {
    this.#server = new EmbeddedDatabase(tables);
  }

  /** What the database says is next, as committed. */
  position(): number {
    return this.#position;
  }

  results(): ReadonlyMap<string, number> {
    return this.#results;
  }

  connect(life: Life, recorder: Recorder): Database {
    const { name } = life;
    const session = this.#server.connect().then((opened) => {
      this.#sessions.set(life, opened);
      return opened;
    });
    const ask = async (sql: string, values: readonly (string | number)[]): Promise<SqlAnswer> => {
      await life.step();
      const call = recorder.invoke(name, { type: 'store', text: statementText(sql, values) });
      const answer = await (await session).query(sql, values);
      recorder.ok(call);
      return answer;
    };
    return {
      query: (sql, ...values) => ask(sql, values),
      transaction: async (body) => {
        await life.step();
        const opened = await session;
        await opened.begin();
        recorder.note(name, { type: 'store', text: BEGIN });
        const results: { readonly key: string; readonly value: string }[] = [];
        let position: number | null = null;
        const inside: Sql = {
          query: async (sql, ...values) => {
            const answer = await ask(sql, values);
            if (sql === INSERT_RESULT) results.push({ key: String(values[0]), value: String(values[1]) });
            if ((sql === MOVE || sql === MOVE_IF_THERE) && answer.changes > 0) position = Number(values[0]);
            return answer;
          },
        };
        try {
          const result = await body(inside);
          await life.step();
          await opened.commit();
          for (const { key, value } of results) {
            recorder.note(name, { type: 'effect', key, value, generation: -1 });
            this.#results.set(value, (this.#results.get(value) ?? 0) + 1);
          }
          if (position !== null) {
            this.#position = position;
            recorder.note(name, { type: 'store', text: `position ${position} stored` });
          }
          return result;
        } catch (error) {
          await opened.rollback();
          throw error;
        }
      },
    };
  }

  disconnect(life: Life): void {
    this.#sessions.get(life)?.disconnect();
    this.#sessions.delete(life);
  }

  close(): void {
    for (const session of this.#sessions.values()) session.disconnect();
    void this.#server.close();
  }
}

function statementText(sql: string, values: readonly (string | number)[]): string {
  switch (sql) {
    case SELECT_POSITION:
      return 'where was I?';
    case INSERT_RESULT:
      return `insert ${values[1]}`;
    case MOVE_IF_THERE:
      return `move from ${values[1]} to ${values[0]}`;
    default:
      return `move to ${values[0]}`;
  }
}
