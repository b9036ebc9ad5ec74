/**
 * The index: every claim that a run judged, grouped as the claims are, with verdict, evidence and the command; then
 * the reports and benchmark pages. Pure.
 *
 * Invariant: a claim that two labs judged has a row for each; where they differ, the summary says which lab says what.
 */
import { markdownCellCode, markdownText } from './escape.ts';
import { formatNumber } from './format.ts';
import { claimVerdictText, markdownTable } from './markdown-blocks.ts';
import { benchReportName } from './render-bench.ts';
import { judgedClaims } from './render-lab.ts';
import type { BenchRunData, ClaimText, ClaimVerdict, LabRunData, VerdictRow } from './run-data.ts';

type Judged = { readonly claim: ClaimText; readonly run: LabRunData; readonly rows: readonly VerdictRow[] };

const claimTextLengthMax = 120;

export function shortClaimText(text: string): string {
  if (text.length <= claimTextLengthMax) return text;
  const start = text.slice(0, claimTextLengthMax);
  return `${start.slice(0, Math.max(start.lastIndexOf(' '), claimTextLengthMax - 20)).replace(/[\s,;:.]+$/, '')} …`;
}

export function renderIndex(labs: readonly LabRunData[], benches: readonly BenchRunData[]): string {
  const judged = labs.flatMap((run) =>
    judgedClaims(run).map((id): Judged => {
      const claim = run.claims.find((entry) => entry.id === id);
      if (claim === undefined) throw new Error(`no claim ${id}: run data were not checked`);
      return { claim, run, rows: run.verdicts.filter((row) => row.claim === id) };
    }),
  );
  const parts = [
    '# Claims and verdicts',
    'What the runs say about what people say: every verdict below comes from a run, and its command replays that run. Green is evidence within its scope, not proof.',
    summary(judged),
    ...groups(judged).flatMap(([group, entries]) => [`## ${markdownText(group)}`, claimTable(entries)]),
    labs.length === 0 ? '' : '## Study reports',
    labs.map((run) => `- [${markdownText(run.title)}](${run.lab}.md): ${markdownText(run.question)}`).join('\n'),
    benches.length === 0 ? '' : '## Benchmarks',
    benches.map((run) => `- [${markdownText(run.title)}](${benchReportName(run)}.md)`).join('\n'),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function summary(judged: readonly Judged[]): string {
  if (judged.length === 0) return 'No claim has been judged yet.';
  const order: ClaimVerdict[] = [
    'confirmed',
    'refuted',
    'conditional',
    'outdated',
    'not measurable here',
    'inconclusive',
  ];
  const verdictsOf = (id: string): Set<ClaimVerdict> =>
    new Set(judged.filter(({ claim }) => claim.id === id).flatMap(({ rows }) => rows.map((row) => row.claimVerdict)));
  const isDisputed = (id: string): boolean => verdictsOf(id).size > 1;
  const ids = [...new Set(judged.map(({ claim }) => claim.id))].sort();
  const rows = order.flatMap((verdict) => {
    const having = ids.filter((id) => verdictsOf(id).has(verdict));
    if (having.length === 0) return [];
    const words = having.map((id) => (isDisputed(id) ? `${id} (${labsSaying(judged, id, verdict)})` : id));
    return [[claimVerdictText(verdict), formatNumber(having.length), words.join(', ')]];
  });
  const table = markdownTable([{ name: 'Verdict' }, { name: 'Claims', align: 'right' }, { name: 'Which' }], rows);
  const disputed = ids.filter(isDisputed);
  if (disputed.length === 0) return table;
  return `${table}\n\nLabs differ on ${disputed.join(', ')}, each within the scope that its report states: such a claim is counted under each of its verdicts.`;
}

/** The labs by which the claim has this verdict, linked. */
function labsSaying(judged: readonly Judged[], id: string, verdict: ClaimVerdict): string {
  return judged
    .filter(({ claim, rows }) => claim.id === id && rows.some((row) => row.claimVerdict === verdict))
    .map(({ run }) => `[${run.lab}](${run.lab}.md)`)
    .join(', ');
}

/** Groups in the order of their lowest claim id; entries by id. */
function groups(judged: readonly Judged[]): [string, Judged[]][] {
  const byGroup = new Map<string, Judged[]>();
  const sorted = [...judged].sort((a, b) => (a.claim.id < b.claim.id ? -1 : a.claim.id > b.claim.id ? 1 : 0));
  for (const entry of sorted) byGroup.set(entry.claim.group, [...(byGroup.get(entry.claim.group) ?? []), entry]);
  return [...byGroup];
}

function claimTable(entries: readonly Judged[]): string {
  return markdownTable(
    [
      { name: 'Id' },
      { name: 'Verdict' },
      { name: 'Claim' },
      { name: 'Lab' },
      { name: 'Runs', align: 'right' },
      { name: 'Seed' },
      { name: 'Command' },
    ],
    entries.map(({ claim, run, rows }) => {
      const telling = rows.find((row) => row.verdict === 'violated') ?? rows[0];
      if (telling === undefined) throw new Error(`no verdict on ${claim.id}`);
      return [
        claim.id,
        claimVerdictText(telling.claimVerdict),
        markdownText(shortClaimText(claim.text)),
        `[${run.lab}](${run.lab}.md)`,
        formatNumber(rows.reduce((sum, row) => sum + row.runs, 0)),
        markdownCellCode(telling.seed),
        markdownCellCode(telling.replay),
      ];
    }),
  );
}
