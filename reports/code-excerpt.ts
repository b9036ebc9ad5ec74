/**
 * The piece of code that a report quotes, cut from its source by anchor comments, so that a quote can never differ from
 * what ran:
 *
 *     // #excerpt commit-after-effect
 *     …
 *     // #end
 */
import type { CodeExcerpt } from './run-data.ts';

/** Cuts the excerpt out of a source text; throws with the anchors that are there. */
export function extractCode(source: string, path: string, anchor: string, language = 'ts'): CodeExcerpt {
  const lines = source.split(/\r?\n/);
  const anchors = lines.flatMap((line) => /#excerpt\s+([\w-]+)/.exec(line)?.[1] ?? []);
  const start = lines.findIndex((line) => /#excerpt\s+([\w-]+)/.exec(line)?.[1] === anchor);
  if (start < 0) throw new Error(`${path}: no excerpt "${anchor}"; excerpts: ${anchors.join(', ') || 'none'}`);
  const length = lines.slice(start + 1).findIndex((line) => /#end\b/.test(line));
  if (length < 0) throw new Error(`${path}: excerpt "${anchor}" has no #end`);
  const body = lines.slice(start + 1, start + 1 + length).filter((line) => !/#excerpt\s/.test(line));
  const indent = Math.min(...body.filter((line) => line.trim() !== '').map((line) => line.search(/\S/)));
  const text = body.map((line) => line.slice(Number.isFinite(indent) ? indent : 0)).join('\n');
  return { path, language, text };
}
