/**
 * The lab `dedup`: how to consume idempotently (C70–C73).
 *
 * Real consumers of a real group get records again because they crashed before their commit, or stood still past their session; ways to consume
 * differ in what a store then holds. Invariant: what a claim's verdict says stands in its scenarios: each `before` is violated, each `after` holds.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { extractCode } from '@mqlab/reports/code-excerpt.ts';
import type { ClientSettings, CodeExcerpt } from '@mqlab/reports/run-data.ts';
import { CLIENT_NAMES } from '../kit/drivers/driver.ts';
import { clientVersion } from '../kit/drivers/versions.ts';
import type { Lab } from '../kit/lab.ts';
import { dedupFigures, simulateDedup } from './figures/figures.ts';
import { SESSION_MS } from './run.ts';
import { SCENARIOS } from './scenarios.ts';

const EXCERPTS: Readonly<Record<string, readonly string[]>> = {
  'application.ts': ['loop'],
  'strategies/primary-key.ts': ['insert', 'look-up-then-insert', 'upsert', 'upsert-add'],
  'strategies/overwrite.ts': ['set-per-flight', 'set-latest', 'set-latest-if-newer'],
  'strategies/global-id.ts': ['check-process-set', 'check-set-process', 'set-nx-first', 'set-nx-lease'],
  'strategies/unique-constraint.ts': ['unique-apart', 'unique', 'inbox-then-outside', 'outbox'],
};

async function excerpts(): Promise<Record<string, CodeExcerpt>> {
  const code: Record<string, CodeExcerpt> = {};
  for (const [path, names] of Object.entries(EXCERPTS)) {
    const source = await readFile(fileURLToPath(new URL(path, import.meta.url)), 'utf8');
    for (const name of names) code[name] = extractCode(source, `labs/dedup/${path}`, name);
  }
  return code;
}

const CLIENTS: readonly ClientSettings[] = CLIENT_NAMES.map((name) => ({
  name,
  version: clientVersion(name),
  settings: {
    'enable.auto.commit': 'false: the application commits after it has handled a batch',
    'auto.offset.reset': 'earliest',
    'session.timeout.ms': `${SESSION_MS.sim} in the simulator, ${SESSION_MS.local} on real processes`,
    'heartbeat.interval.ms': 'a quarter of the session',
    acks: 'all',
    'everything else': "the client's own default",
  },
}));

export const lab: Lab = {
  name: 'dedup',
  title: 'Consuming a message twice, once',
  question: 'A message is delivered again. How do you consume it idempotently?',
  claims: ['C70', 'C71', 'C72', 'C73'],
  scenarios: SCENARIOS,
  conclusions: [
    {
      claim: 'C70',
      verdict: 'conditional',
      scope:
        'true for one atomic upsert by primary key that overwrites; false for look-up-then-insert without a constraint, and for an upsert that adds',
    },
    {
      claim: 'C71',
      verdict: 'conditional',
      scope:
        'true where each record has a key of its own; where a key keeps the latest value, a late consumer writes an old one over it unless the write compares versions',
    },
    {
      claim: 'C72',
      verdict: 'refuted',
      scope:
        'an id in Redis and an effect elsewhere are two steps: id first loses on a crash, effect first repeats, SET NX included, and a lease only delays the repeat',
    },
    {
      claim: 'C73',
      verdict: 'conditional',
      scope:
        'true where the id is inserted in the transaction that makes the effect; apart from it the effect is lost, and what lies outside the database is not covered',
    },
  ],
  text: { en: new URL('./text.en.md', import.meta.url) },
  simulate: simulateDedup,
  figures: dedupFigures,
  clients: CLIENTS,
  code: excerpts,
  limits: [
    'In the simulator the stores are the embedded ones: SQLite, and Redis commands with Redis semantics on top of it. Real Redis and PostgreSQL run the same scenarios on real processes when they are named.',
    'Faults strike consumers between two steps. The stores themselves never fail here: a database that loses committed rows, or a Redis that fails over to a replica without the id, adds losses that no way to consume can see.',
    'On real processes a pause is made by holding back answers and cutting the link to the broker, since the consumer shares its process with the lab.',
    'Sessions are shorter than any that production would choose. That shortens runs and changes no order of events.',
  ],
};
