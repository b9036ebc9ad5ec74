/**
 * The pictures and the table of what was stored: each scenario's smallest plan once more in the simulator, with the wire tapped.
 *
 * Invariant: the code that runs is the scenario's; only the latency of the links is made one number.
 */
import type { SimWorld } from '@mqlab/core/ports/sim/world.ts';
import type { TimelineChart, TimelineEvent } from '@mqlab/reports/chart-spec.ts';
import type { Figure, Table, TableCell } from '@mqlab/reports/run-data.ts';
import { callsOf } from '../../kit/checkers/index-history.ts';
import { Recorder } from '../../kit/history.ts';
import type { FigureContext } from '../../kit/lab.ts';
import type { Fault } from '../../kit/plan.ts';
import { operationText } from '../../kit/story.ts';
import { openTarget } from '../../kit/targets/open-target.ts';
import type { Target } from '../../kit/targets/target.ts';
import { TOPIC } from '../app/hands.ts';
import { IN_OUTBOX } from '../checks.ts';
import { BROKER, BROKERS, brokerName, CLUSTER_SETTINGS, CONTROLLERS } from '../cluster.ts';
import { PROCESS } from '../plan.ts';
import { RawLog, type StoredBatch } from '../raw-log.ts';
import { BROKER_SETTINGS, IS_BACK, runDuplicate, shortOf } from '../run.ts';
import { WAYS, type WayName } from '../ways.ts';
import { LATENCY_MS, Wire } from './wire.ts';

interface Case {
  readonly name: string;
  readonly title: string;
  readonly caption: string;
  readonly way: WayName;
  readonly records: number;
  readonly fault: Omit<Fault, 'app' | 'at'>;
  readonly step: number;
  readonly inFlightMs?: number;
  /** Three brokers, and the leader is the one that dies. */
  readonly isCluster?: boolean;
}

const ON_ITS_WAY = 4;
const CASES: readonly Case[] = [
  {
    name: 'retry',
    title: 'The answer is lost: without idempotence',
    caption: 'Nothing in the second request says that it is the first one again. It gets an offset of its own.',
    way: 'plain',
    records: 2,
    fault: { kind: 'drop-response' },
    step: ON_ITS_WAY,
  },
  {
    name: 'idempotent',
    title: 'The answer is lost: with idempotence',
    caption:
      'The retry carries the same id, epoch and sequence. The broker finds it among the last batches of this producer, appends nothing and answers with the offset of the first.',
    way: 'idempotent',
    records: 2,
    fault: { kind: 'drop-response' },
    step: ON_ITS_WAY,
  },
  {
    name: 'failover',
    title: 'The leader dies with the answer unsent: without idempotence',
    caption: 'Every in-sync replica has the record. Whoever leads afterwards cannot tell the retry from a new record.',
    way: 'plain-acks-all',
    records: 2,
    fault: { kind: 'kill-broker' },
    step: ON_ITS_WAY,
    isCluster: true,
  },
  {
    name: 'failover-idempotent',
    title: 'The leader dies with the answer unsent: with idempotence',
    caption:
      'Id and sequence stand in the batch that the followers fetched, so whoever leads next knows them: the retry is recognised, and answered with the offset of the first.',
    way: 'idempotent',
    records: 2,
    fault: { kind: 'kill-broker' },
    step: ON_ITS_WAY,
    isCluster: true,
  },
  {
    name: 'restart',
    title: 'The producer is killed and restarted: idempotence does not help',
    caption: 'A new process asks for a new id. To the broker it is a stranger with a first record.',
    way: 'idempotent',
    records: 1,
    fault: { kind: 'crash-app', durationMs: 20 },
    step: 2,
  },
  {
    name: 'resend',
    title: 'The application sends again: idempotence does not help',
    caption:
      'The client still has the first send in hand and retries it under its own sequence; the application’s second send is another record with the next one.',
    way: 'impatient',
    records: 2,
    fault: { kind: 'drop-response' },
    step: ON_ITS_WAY,
  },
  {
    name: 'position',
    title: 'Record and position in one transaction: killed before it hears of the commit',
    caption:
      'The successor takes the id over under a higher epoch: what its predecessor began is ended by then, and the stored position says how it ended. Nothing is sent again.',
    way: 'position',
    records: 1,
    // The commit has arrived, and its answer is on the way: position read, begin, record and position come before.
    fault: { kind: 'crash-app', durationMs: 20 },
    step: 7,
    inFlightMs: 1.5 * LATENCY_MS,
  },
];

export interface Sequences {
  readonly charts: Record<string, TimelineChart>;
  readonly tables: Record<string, Table>;
  readonly figures: Record<string, Figure>;
}

interface Played {
  readonly one: Case;
  readonly brokers: readonly string[];
  readonly events: readonly TimelineEvent[];
  readonly batches: readonly StoredBatch[];
}

export async function drawSequences(context: FigureContext): Promise<Sequences> {
  const played: Played[] = [];
  for (const one of CASES) played.push(await play(one, context));
  return {
    charts: Object.fromEntries(played.map((each) => [`sequence-${each.one.name}`, chartOf(each)])),
    tables: { stored: storedTable(played) },
    figures: {
      'sequence.latency': {
        value: LATENCY_MS,
        unit: 'ms',
        label: 'given',
        source: 'latency of every link in the sequence diagrams, one way',
      },
    },
  };
}

async function play(one: Case, context: FigureContext): Promise<Played> {
  const target = await (one.isCluster === true
    ? openTarget('sim', {
        seed: context.seed,
        brokers: BROKERS,
        controllers: CONTROLLERS,
        broker: { ...BROKER_SETTINGS, ...CLUSTER_SETTINGS },
      })
    : context.open('sim', BROKER_SETTINGS));
  const brokers = target.nodes.filter(({ isBroker }) => isBroker).map(({ id }) => brokerName(target, id));
  try {
    const { world } = target as Target & { readonly world: SimWorld };
    const began = target.clock.monotonic();
    const now = (): number => target.clock.monotonic() - began;
    const recorder = new Recorder(now);
    const wire = new Wire(world, recorder, now, ['p1', 'p2'], brokers);
    const plan = {
      records: Array.from({ length: one.records }, () => ({ key: 0 })),
      faults: [{ ...one.fault, at: { step: one.step }, app: PROCESS }],
      inFlightMs: one.inFlightMs ?? LATENCY_MS / 2,
    };
    const { seed, input, options } = context;
    let batches: readonly StoredBatch[] = [];
    await target.run(async () => {
      await runDuplicate(plan, { target, client: 'mqlab', recorder, seed, input, options }, WAYS[one.way]);
      const log = new RawLog(target.app('reader').ports, target.bootstrap, TOPIC, 1);
      batches = await log.batches();
      log.close();
    });
    return { one, brokers, batches, events: [...wire.events, ...eventsOf(recorder)] };
  } finally {
    await target.close();
  }
}

/** What the picture shows besides messages: faults, marks, what was read, and what the broker keeps. */
function eventsOf(recorder: Recorder): TimelineEvent[] {
  return callsOf(recorder.operations).flatMap(({ data, process, start }): TimelineEvent[] => {
    const timeMs = recorder.operations[start]!.time;
    if (data.type === 'fault') {
      return [{ process: PROCESS, timeMs, kind: 'fault', label: FAULT_WORDS[data.kind] ?? data.kind }];
    }
    if (data.type === 'crash' && process.startsWith(BROKER)) return [{ process, timeMs, kind: 'crash', label: 'dies' }];
    // The position is a message too.
    if (data.type !== 'store' || data.text.endsWith(IN_OUTBOX) || data.text.startsWith('offset ')) return [];
    return [{ process, timeMs, kind: data.text === IS_BACK ? 'heal' : 'note', label: operationText(data) }];
  });
}

const FAULT_WORDS: Readonly<Record<string, string>> = {
  'drop-response': 'its next answer will be lost',
  'kill-broker': 'the leader is about to die',
  'crash-app': 'is killed',
};

function chartOf({ one, brokers, events }: Played): TimelineChart {
  // What a process does at the moment at which it sends comes before the message.
  const kills = events.filter(({ label }) => label === FAULT_WORDS['crash-app']).map(({ timeMs }) => timeMs);
  const reached = events.map((event): TimelineEvent => {
    const { to, timeMs, untilMs = timeMs } = event;
    // Nobody is there when it arrives.
    const isLost = to === PROCESS && kills.some((killedMs) => timeMs <= killedMs && killedMs < untilMs);
    return isLost ? { ...event, kind: 'lost-message' } : event;
  });
  const ordered = reached.toSorted((a, b) => a.timeMs - b.timeMs || rank(a) - rank(b));
  return {
    type: 'timeline',
    title: one.title,
    caption: one.caption,
    source: `the scenario in the simulator, virtual time, ${LATENCY_MS} ms a link one way`,
    processes: ['p1', ...brokers],
    events: ordered,
  };
}

function rank({ to }: TimelineEvent): number {
  return to === undefined ? 0 : 1;
}

function storedTable(played: readonly Played[]): Table {
  const rows = played.flatMap(({ one, batches }) =>
    batches.map((batch, at): readonly TableCell[] => {
      const value = batch.end ?? batch.values.map(shortOf).join(' ');
      const isAgain = batches.slice(0, at).some(({ values }) => values.some((known) => batch.values.includes(known)));
      const number = (field: number): TableCell => (field < 0 ? '–' : field);
      return [
        at === 0 ? one.title : '',
        batch.offset,
        isAgain ? { text: `${value} again`, tone: 'bad' } : value,
        number(batch.producerId),
        batch.producerId < 0 ? '–' : number(batch.epoch),
        batch.producerId < 0 ? '–' : number(batch.sequence),
      ];
    }),
  );
  return {
    title: 'What the broker stored',
    columns: [
      { name: 'run' },
      { name: 'offset', align: 'right' },
      { name: 'record' },
      { name: 'producer id', align: 'right' },
      { name: 'epoch', align: 'right' },
      { name: 'sequence', align: 'right' },
    ],
    rows,
    note: 'Read from the headers of the stored batches, which no consumer shows. A dash: the batch has none.',
  };
}
