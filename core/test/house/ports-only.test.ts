import { expect, test } from 'vitest';
import { isTest, type SourceFile, sourceFiles } from './source-files.ts';

/**
 * Nobody outside the real adapters reaches the wall clock, randomness, timers, files or sockets: what does would escape the simulator's
 * seed. Applies to core below the command line, and to everything that a lab runs in the simulator.
 */
const FORBIDDEN: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\(|\bnew Date\(\s*\)/, 'the wall clock'],
  [/\bperformance\.now\(|\bprocess\.hrtime\b/, 'the monotonic clock'],
  [/\bMath\.random\(|\brandomUUID\(|\brandomBytes\(|\bgetRandomValues\(/, 'randomness'],
  [/\b(?:setTimeout|setInterval|setImmediate)\(|\bscheduler\.wait\(/, 'timers'],
  [
    /from\s*['"]node:(?:fs|fs\/promises|net|tls|dgram|timers|timers\/promises|http|https|dns|child_process|worker_threads|crypto|os)['"]/,
    'the system',
  ],
  [/from\s*['"]koffi['"]/, 'the system'],
];

/** Where the system is met: the real adapters, the simulator's own loop, and the command line. */
const ALLOWED = [/^core\/ports\/real\//, /^core\/cli\//, /^core\/ports\/sim\/turns\.ts$/];

/** A node module that computes and meets nothing outside. */
const HARMLESS =
  /import\s*(?:type\s*)?\{\s*(?:createHash|hash|type Hash)(?:\s*,\s*(?:createHash|hash|type Hash))*\s*\}\s*from\s*['"]node:crypto['"]/g;

function leaks(file: SourceFile): string[] {
  const code = file.text
    .replace(HARMLESS, '')
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/(^|[^:'"`])\/\/.*$/gm, '$1');
  return FORBIDDEN.flatMap(([pattern, what]) =>
    pattern.test(code) ? [`${file.path} reaches ${what}: ${pattern.exec(code)?.[0].trim()}`] : [],
  );
}

test('core meets the system only through its ports', () => {
  const files = sourceFiles().filter(
    ({ path }) => path.startsWith('core/') && !isTest(path) && !ALLOWED.some((each) => each.test(path)),
  );
  expect(files.flatMap(leaks)).toEqual([]);
});

test('the check itself sees a leak, and no comment', () => {
  expect(leaks({ path: 'core/log/x.ts', text: 'const now = Date.now();' })).toHaveLength(1);
  expect(leaks({ path: 'core/log/x.ts', text: "import { openSync } from 'node:fs';" })).toHaveLength(1);
  expect(leaks({ path: 'core/log/x.ts', text: '// not Date.now()\n/* nor Math.random() */ const a = 1;' })).toEqual([]);
  expect(leaks({ path: 'core/log/x.ts', text: "import { createHash } from 'node:crypto';" })).toEqual([]);
});
