import { gapsOf, type Kill, summarize } from './kill.ts';
import { type Campaign, isCampaignSound } from './verdict.ts';

/** Campaigns as a short table: a line each, and one of all gaps together. Pure. */
const GOAL_BEYOND_SESSION_MS = 1_000;

const HEAD = [
  '',
  'kills',
  'acknowledged',
  'failed',
  'lost',
  'twice',
  'disorder',
  'others lead after: median, worst',
  'gaps: median, worst (over)',
  'controller too',
  'controller lived',
];

export function table(campaigns: readonly Campaign[]): string {
  const rows = campaigns.map((each, at) => rowOf(`${at + 1} ${each.load}`, [each]));
  if (campaigns.length > 1) rows.push(rowOf('all', campaigns));
  const widths = HEAD.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]!.length)));
  const lines = [HEAD, ...rows].map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
  return [...lines, ...campaigns.map((each, at) => remarks(at + 1, each)), ''].join('\n');
}

function rowOf(name: string, campaigns: readonly Campaign[]): string[] {
  const sum = (of: (campaign: Campaign) => number): string =>
    String(campaigns.reduce((total, each) => total + of(each), 0));
  const kills = campaigns.flatMap((each) => each.kills);
  const goalMs = goalOf(campaigns[0]!);
  const gaps = (isOfController?: boolean): string => {
    const { count, medianMs, worstMs, over } = summarize(gapsOf(kills, isOfController), goalMs);
    return count === 0 ? 'none' : `${count}: ${medianMs}, ${worstMs} ms (${over})`;
  };
  const elected = summarize(
    kills.flatMap((each) => each.electedMs ?? []),
    goalMs,
  );
  return [
    name,
    String(kills.length),
    sum(({ acknowledged }) => acknowledged),
    sum(({ failed }) => failed),
    sum(({ lost }) => lost),
    sum(({ duplicates }) => duplicates),
    sum(({ outOfOrder }) => outOfOrder),
    `${elected.count}: ${elected.medianMs}, ${elected.worstMs} ms`,
    gaps(),
    gaps(true),
    gaps(false),
  ];
}

function goalOf({ sessionMs }: Campaign): number {
  return sessionMs + GOAL_BEYOND_SESSION_MS;
}

function remarks(time: number, campaign: Campaign): string {
  const { consumer, folders, partitions, sessionMs } = campaign;
  const read =
    consumer === null
      ? ''
      : `; its consumer: ${consumer.read} read, ${consumer.missed} missed, ${consumer.wrong} wrong, ${consumer.again} again`;
  const state = folders.length === 0 ? 'clean, replicas the same' : folders.join('; ');
  const verdict = isCampaignSound(campaign) ? 'holds' : 'DOES NOT HOLD';
  return `${time}: ${verdict}; ${partitions} partitions, session ${sessionMs} ms, goal ${goalOf(campaign)} ms; folders: ${state}${read}`;
}

export function killLine({ victim, wasController, partitionsLed, gapsMs, told }: Kill): string {
  const { medianMs, worstMs } = summarize(gapsMs, 0);
  const steps = told
    .filter(({ text }) => STEPS.test(text))
    .map(({ atMs, nodeId, text }) => `${atMs} ms node ${nodeId}: ${text}`);
  const who = `node ${victim}${wasController ? ', the active controller,' : ''} led ${partitionsLed}`;
  return [`${who}: writes after ${medianMs} ms, the last after ${worstMs} ms`, ...steps].join('\n     ');
}

const STEPS = /is active in epoch|session is over|stood still/;
