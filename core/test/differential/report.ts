// The report of a differential run, as Markdown and as one line.
import { RULES } from './compare.ts';
import type { Known } from './known.ts';
import type { Pair } from './play.ts';
import type { Found } from './run.ts';

export interface RunData {
  readonly pairs: readonly Pair[];
  readonly found: readonly Found[];
  readonly served: readonly string[];
  readonly asked: ReadonlySet<string>;
  readonly known: readonly Known[];
  readonly seconds: number;
}

const valueCharsMax = 120;

export function render({ pairs, found, served, asked, known, seconds }: RunData) {
  const unexplained = found.filter((each) => each.known === undefined);
  const askedOfServed = served.filter((each) => asked.has(each)).length;
  const summary =
    `${pairs.filter(({ isCompared }) => isCompared).length} answers compared, ${askedOfServed} of ${served.length} served API versions asked; ` +
    `${found.length} differences, ${found.length - unexplained.length} explained, ${unexplained.length} not (${seconds.toFixed(0)} s)`;
  const lines = ['# This broker and Apache Kafka, answer by answer', '', summary, ''];
  lines.push('## Not explained', '', ...table(unexplained), '');
  lines.push('## Known, and why', '');
  for (const row of known) {
    const of = found.filter((each) => each.known === row);
    lines.push(`### ${row.reason}`, '', `${of.length} times.`, '', ...table(of.slice(0, 5)), '');
  }
  lines.push('## What is not compared', '', '| fields | compared as | why |', '|---|---|---|');
  for (const { fields, as, reason } of RULES) lines.push(`| ${fields.join(', ')} | ${as} | ${reason} |`);
  const versions = new Map<string, number[]>();
  for (const each of served) {
    if (!asked.has(each)) continue;
    const [api, version] = each.split(' ') as [string, string];
    versions.set(api, [...(versions.get(api) ?? []), Number(version)]);
  }
  lines.push('', '## What was asked', '', '| API | versions | answers |', '|---|---|---|');
  for (const [api, list] of versions) {
    lines.push(`| ${api} | ${list.join(' ')} | ${pairs.filter((pair) => pair.api === api).length} |`);
  }
  return { summary, markdown: `${lines.join('\n')}\n` };
}

function table(found: readonly Found[]): string[] {
  if (found.length === 0) return ['None.'];
  return [
    '| flow | API | step | field | here | Kafka |',
    '|---|---|---|---|---|---|',
    ...found.map(
      ({ pair, path, ours, kafka }) =>
        `| ${pair.flow} | ${pair.api} ${pair.version} | ${cell(pair.what)} | ${cell(path)} | ${cell(JSON.stringify(ours))} | ${cell(JSON.stringify(kafka))} |`,
    ),
  ];
}

function cell(text: string | undefined): string {
  const short = text ?? '–';
  return (short.length > valueCharsMax ? `${short.slice(0, valueCharsMax)}…` : short)
    .replaceAll('|', '\\|')
    .replaceAll('\n', ' ');
}
