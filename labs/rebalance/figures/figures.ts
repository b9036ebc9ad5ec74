/** The lab's figures: for each assignor the assignment before and after a member leaves, what moved, and how long partitions were silent; and who owned what when. */
import type { BarChart, GanttChart } from '@mqlab/reports/chart-spec.ts';
import type { Figure, PriceRow, Table, TableCell } from '@mqlab/reports/run-data.ts';
import { clientTitle } from '../../kit/drivers/versions.ts';
import type { FigureContext, LabFigures } from '../../kit/lab.ts';
import type { TargetKind } from '../../kit/targets/target.ts';
import { ASSIGNORS } from '../plan.ts';
import { BROKER_SETTINGS } from '../run.ts';
import { HEARTBEAT_MS, MEMBERS, type Play, playGroup, WORK_MS } from './group-play.ts';
import { classicMember, createTopics, nextGenerationMember } from './members.ts';
import type { Assignment, Change } from './ownership.ts';

const REMOTE = ['uniform', 'range'] as const;
const SETTINGS: Readonly<Record<string, string>> = {
  ...BROKER_SETTINGS,
  'group.consumer.min.heartbeat.interval.ms': '50',
  'group.consumer.heartbeat.interval.ms': String(HEARTBEAT_MS),
};
const PLAY_MS_MAX = 600_000;

interface Row {
  /** Part of the figures' names. */
  readonly id: string;
  readonly title: string;
  readonly client: string;
  readonly target: TargetKind;
  readonly play: Play;
}

export async function rebalanceFigures(context: FigureContext): Promise<LabFigures> {
  const { targets, progress } = context;
  const classic = async (): Promise<Row[]> => {
    const rows: Row[] = [];
    for (const assignor of ASSIGNORS) {
      progress(`${assignor}: one leaves and comes back`);
      const target = await context.open('sim', SETTINGS);
      try {
        const play = await target.run(async () => {
          await createTopics(target, assignor);
          return playGroup(target, assignor, classicMember(target, assignor, assignor));
        }, PLAY_MS_MAX);
        rows.push({ id: assignor, title: assignor, client: clientTitle('mqlab'), target: 'sim', play });
      } finally {
        await target.close();
      }
    }
    return rows;
  };
  const served = async (): Promise<Row[]> => {
    const kind = targets.find((known) => known !== 'sim') ?? 'local';
    const target = await context.open(kind, SETTINGS);
    try {
      progress('KIP-848: one leaves and comes back');
      return await Promise.all(
        REMOTE.map(async (assignor): Promise<Row> => {
          const group = `served-${assignor}`;
          await createTopics(target, group);
          const play = await playGroup(target, group, nextGenerationMember(target, group, assignor));
          return { id: group, title: `KIP-848, ${assignor}`, client: clientTitle('platformatic'), target: kind, play };
        }),
      );
    } finally {
      await target.close();
    }
  };
  // Waiting on one side, computing on the other.
  const [own, platformatic] = await Promise.all([classic(), served()]);
  return figuresOf([...own, ...platformatic]);
}

function figuresOf(rows: readonly Row[]): LabFigures {
  const figures: Record<string, Figure> = {};
  for (const { id, play, target, client } of rows) {
    for (const change of ['leave', 'join'] as const) {
      const { moved, needed, silenceMs, keptSilenceMs, interrupted } = play[change];
      const source = `${target} target, ${client}: a member ${change === 'leave' ? 'leaves' : 'comes back'}`;
      const count = (value: number): Figure => ({ value, unit: 'count', label: 'measured', source });
      const time = (value: number): Figure => ({ value, unit: 'ms', label: 'measured', source });
      figures[`${change}.moved.${id}`] = count(moved);
      figures[`${change}.needed.${id}`] = count(needed);
      figures[`${change}.interrupted.${id}`] = count(interrupted);
      figures[`${change}.silence.${id}`] = time(silenceMs);
      figures[`${change}.kept.${id}`] = time(keptSilenceMs);
    }
  }
  const charts = Object.fromEntries(rows.map((row) => [`owners-${row.id}`, gantt(row)]));
  const price: PriceRow[] = ['leave', 'join'].flatMap((change): PriceRow[] => [
    {
      metric: `silence of partitions that stay, a member ${change === 'leave' ? 'leaves' : 'comes'}: range → cooperative-sticky`,
      before: `${change}.kept.range`,
      after: `${change}.kept.cooperative-sticky`,
    },
    {
      metric: `longest silence, a member ${change === 'leave' ? 'leaves' : 'comes'}: range → cooperative-sticky`,
      before: `${change}.silence.range`,
      after: `${change}.silence.cooperative-sticky`,
    },
  ]);
  return {
    figures,
    charts: { ...charts, ...(rows.length === 0 ? {} : { silence: silenceChart(rows) }) },
    tables: { leave: movesTable(rows, 'leave'), return: movesTable(rows, 'join'), assignments: assignmentsTable(rows) },
    price,
    limits: [
      `Members of the classic protocol work ${WORK_MS} ms a batch, those of KIP-848 take records as they come; both send a heartbeat every ${HEARTBEAT_MS} ms. A slower member or a longer interval makes every silence longer. The classic assignors ran on virtual time, the broker's own ones on real time: compare their moves, and their silences only roughly.`,
    ],
  };
}

function movesTable(rows: readonly Row[], change: 'leave' | 'join'): Table {
  return {
    title: change === 'leave' ? 'A member leaves' : 'It comes back',
    columns: [
      { name: 'assignor' },
      { name: 'client and target' },
      { name: 'moved', align: 'right' },
      { name: 'had to', align: 'right' },
      { name: 'stayed, but interrupted', align: 'right' },
      { name: 'longest silence', align: 'right' },
    ],
    rows: rows.map(({ id, title, client, target }): readonly TableCell[] => [
      title,
      `${client}, ${target}`,
      ...['moved', 'needed', 'interrupted', 'silence'].map((what) => ({ figure: `${change}.${what}.${id}` })),
    ]),
    note:
      change === 'leave'
        ? 'Had to: the partitions of the member that left. Silence: between two deliveries of one partition, whoever got them.'
        : 'Had to: the partitions that the returned one has.',
  };
}

function assignmentsTable(rows: readonly Row[]): Table {
  const words = (assignment: Assignment, member: string): string => {
    const own = [...assignment].filter(([, owner]) => owner === member).map(([name]) => name.split('.').at(-1)!);
    return own.length === 0 ? 'nothing' : own.sort().join(' ');
  };
  const line = (row: Row, when: string, assignment: Assignment): readonly TableCell[] => [
    row.title,
    when,
    ...MEMBERS.map((member) => words(assignment, member)),
  ];
  return {
    title: 'Each assignment before and after',
    columns: [{ name: 'assignor' }, { name: 'when' }, ...MEMBERS.map((name) => ({ name }))],
    rows: rows.flatMap((row) => [
      line(row, 'before', row.play.leave.before),
      line(row, `${MEMBERS[1]} has left`, row.play.leave.after),
      line(row, `${MEMBERS[1]} is back`, row.play.join.after),
    ]),
  };
}

function gantt({ title, client, target, play }: Row): GanttChart {
  const partitions = [...new Set(play.log.owned.map(({ partition }) => partition))].sort();
  return {
    type: 'gantt',
    title: `Who owned what: ${title}`,
    caption: 'A gap is a partition that nobody reads.',
    source: `measured, ${target} target, ${client}; from what each member’s application was told`,
    x: { name: 'time since the first member', unit: 'ms' },
    y: { name: 'partition', unit: '' },
    rows: partitions.map((name) => name.split('.').at(-1)!),
    bars: play.log.owned
      .map(({ partition, member, fromMs, untilMs }) => ({
        row: partitions.indexOf(partition),
        from: fromMs,
        until: Math.min(untilMs ?? play.endMs, play.endMs),
        group: member,
        label: member,
      }))
      .filter(({ from, until }) => until > from),
    marks: [
      { at: play.leaveAtMs, label: `${MEMBERS[1]} leaves`, tone: 'warn' },
      { at: play.joinAtMs, label: `${MEMBERS[1]} is back`, tone: 'accent' },
    ],
  };
}

function silenceChart(rows: readonly Row[]): BarChart {
  const of = (pick: (change: Change) => number): number[] => rows.map(({ play }) => pick(play.leave));
  return {
    type: 'bar',
    horizontal: true,
    title: 'A member leaves: how long partitions are silent',
    caption:
      'The second bar is what partitions suffer that keep their owner: nothing, if the protocol lets them alone.',
    source: 'measured: the longest time between two deliveries of a partition around the leave',
    x: { name: 'assignor', unit: '' },
    y: { name: 'longest silence', unit: 'ms' },
    categories: rows.map(({ title }) => title),
    series: [
      { name: 'any partition', values: of(({ silenceMs }) => silenceMs) },
      { name: 'partitions that keep their owner', values: of(({ keptSilenceMs }) => keptSilenceMs) },
    ],
  };
}
