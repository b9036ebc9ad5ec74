// Our own Java programs of `java/`, compiled once. Classes stand under node_modules/.cache, named by what they were made from: a second run compiles
// nothing. Made beside their place and renamed into it, so that two test runs at once, or one that is killed, leave no half.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('java/', import.meta.url));
const cacheDir = fileURLToPath(new URL('../../../node_modules/.cache/mqlab/', import.meta.url));

/** The classpath with them in front. Throws javac's words where they do not compile. */
export function withOwnClasses(classpath: string): { readonly classpath: string } | { readonly missing: string } {
  const sources = readdirSync(folder)
    .filter((name) => name.endsWith('.java'))
    .sort()
    .map((name) => join(folder, name));
  // Of one Kafka they are the same, whatever else the classpath has.
  const hash = createHash('sha256').update(
    classpath
      .match(/kafka-(clients|tools)-[^/\\]*\.jar/g)
      ?.sort()
      .join() ?? classpath,
  );
  for (const path of sources) hash.update('\0').update(readFileSync(path));
  const classes = join(cacheDir, `own-classes-${hash.digest('hex').slice(0, 16)}`);
  const all = { classpath: [classes, classpath].join(delimiter) };
  if (existsSync(classes)) return all;
  const made = `${classes}.${process.pid}`;
  mkdirSync(made, { recursive: true });
  const args = ['-encoding', 'UTF-8', '-proc:none', '-d', made, '-cp', classpath, ...sources];
  const { status, stderr, error } = spawnSync('javac', args, { encoding: 'utf8' });
  if (error !== undefined) return { missing: `javac cannot be run (${error.message})` };
  if (status !== 0) throw new Error(`java/ does not compile: ${stderr}`);
  try {
    renameSync(made, classes);
  } catch (taken) {
    rmSync(made, { recursive: true, force: true });
    if (!existsSync(classes)) throw taken;
  }
  return all;
}
