/**
 * The lab `acks`: does the broker lose data? (C25 to C30.)
 *
 * One cluster, and setups of topic and producer that differ in acks, replicas, min.insync.replicas, unclean elections and flushing. Invariant: each loss is found by search and
 * shrunk; the safe setup holds on the same plans and on random ones; what it does not hold against is a scenario of its own.
 */
import { readFile } from 'node:fs/promises';
import { extractCode } from '@mqlab/reports/code-excerpt.ts';
import type { ClientSettings, CodeExcerpt } from '@mqlab/reports/run-data.ts';
import { clientVersion } from '../kit/drivers/versions.ts';
import type { Lab } from '../kit/lab.ts';
import { REQUEST_TIMEOUT_MS } from './app/writer.ts';
import { LAG_MS, SESSION_MS } from './cluster.ts';
import { SCENARIOS } from './scenarios.ts';

async function excerpts(): Promise<Record<string, CodeExcerpt>> {
  const path = 'app/writer.ts';
  const source = await readFile(new URL(path, import.meta.url), 'utf8');
  return Object.fromEntries(
    ['safe', 'topic'].map((name) => [name, extractCode(source, `labs/acks/${path}`, name)] as const),
  );
}

const BROKER = {
  'replica.lag.time.max.ms': `${LAG_MS} (default 30000)`,
  'broker.session.timeout.ms': `${SESSION_MS} (default 9000)`,
  'replica.socket.timeout.ms': '2000 (default 30000)',
  'min.insync.replicas': 'as the scenario says; default 1',
  'unclean.leader.election.enable': 'as the scenario says; default false',
  'flush.messages': 'as the scenario says; default never',
} as const;

const CLIENTS: readonly ClientSettings[] = [
  {
    name: 'mqlab',
    version: clientVersion('mqlab'),
    settings: {
      acks: 'as the scenario says; default all (Kafka clients before 3.0: 1)',
      'enable.idempotence': 'default: true with acks=all, false with acks=0 and 1 (Kafka clients before 3.0: false)',
      retries: 'default: endless, until delivery.timeout.ms (120 s) is over',
      'request.timeout.ms': `${REQUEST_TIMEOUT_MS} (default 30000)`,
      'linger.ms': '0',
      ...BROKER,
    },
  },
  {
    name: '@platformatic/kafka',
    version: clientVersion('platformatic'),
    settings: {
      acks: '1, which is its default',
      'enable.idempotence': 'its default: false',
      retries: 'its default: 3',
    },
  },
];

export const lab: Lab = {
  name: 'acks',
  title: 'Does the broker lose data?',
  question: 'Does Kafka lose messages, and which settings make sure that it does not?',
  claims: ['C25', 'C26', 'C27', 'C28', 'C29', 'C30'],
  scenarios: SCENARIOS,
  conclusions: [
    {
      claim: 'C25',
      verdict: 'confirmed',
      scope:
        'seen from outside: acks=0 gets no answer at all, acks=1 is answered before any follower has the record, acks=all after every replica in sync has it in its log (not on its device)',
    },
    {
      claim: 'C26',
      verdict: 'confirmed',
      scope:
        'acks=0 loses already when a broker restarts; acks=1 when the leader dies while its followers lag or are cut off, with a clean election and no setting wrong',
    },
    {
      claim: 'C27',
      verdict: 'refuted',
      scope:
        'acks=all lost acknowledged records in each of these: the only replica, or the last one in sync, loses power; an unclean election; a power cut of all replicas before they flushed',
    },
    {
      claim: 'C28',
      verdict: 'conditional',
      scope:
        'true of one replica, and of min.insync.replicas=1 once the leader is alone in sync; as long as others are in sync acks=all survives the death of the leader that acks=1 does not, and no killed process made it lose',
    },
    {
      claim: 'C29',
      verdict: 'conditional',
      scope:
        'with unclean elections off it held against any brokers killed, paused and cut off, and against a power cut of one while the others were in sync; not against a power cut of all, of two in turn, or of the last one in sync (KIP-966 is for that), unless each record is flushed; the price is refused writes while too few replicas are in sync',
    },
    {
      claim: 'C30',
      verdict: 'confirmed',
      scope: 'on this machine, three brokers and the producer on the same cores: see the figures with their spread',
    },
  ],
  text: { en: new URL('./text.en.md', import.meta.url) },
  simulate: async (context) => (await import('./figures.ts')).simulateAcks(context),
  figures: async (context) => (await import('./figures.ts')).acksFigures(context),
  clients: CLIENTS,
  code: excerpts,
  limits: [
    'Power cuts are simulated only: a killed process keeps its page cache, and no lab pulls a plug. The simulated disk loses, keeps or tears what was not flushed, by a seed; a device that lies about flushes is not simulated.',
    'The controller is a process of its own that is killed in no scenario but by the power cut of every node: what a quorum does that loses members is the lab replication.',
    'Sessions and lag times are shorter than any that production would choose. That shortens runs and changes no order of events; waiting times in the maps are to be read against them.',
    'Eligible leader replicas (KIP-966, on in new clusters since Kafka 4.1) are not built here: `last-standing` shows Kafka without them.',
    'Three brokers, the controller and the producer share the cores of one machine: what acks=all costs over a network is not measured.',
  ],
};
