// The jars of a peer that is written in Java: a pom beside the peer names them, `installJars` copies them by Maven into the user's cache, once, and
// `findJars` needs neither Maven nor network afterwards.
//
// Invariant: a folder of jars is whole or not there: Maven fills a folder beside it, which is renamed at the end. Its name has the pom's hash, so that
// another version is another folder.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Jars = { readonly classpath: string } | { readonly missing: string };

/** `pom`: `bench/peers/NAME/pom.xml`; NAME is what `bench install` is given. */
export function findJars(pom: URL): Jars {
  const folder = jarFolder(pom);
  return existsSync(folder)
    ? { classpath: join(folder, '*') }
    : {
        missing: `its jars are not on this machine (npx mqlab bench install ${basename(dirname(fileURLToPath(pom)))} fetches them by Maven)`,
      };
}

/** Rejects with Maven's own words. Does nothing where the jars are. */
export async function installJars(pom: URL, print: (line: string) => void): Promise<void> {
  const folder = jarFolder(pom);
  if (!existsSync(folder)) {
    print(`resolving ${basename(folder)} by Maven`);
    const partial = `${folder}.partial-${process.pid}`;
    mkdirSync(partial, { recursive: true });
    try {
      const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${partial}`, '-DincludeScope=runtime'];
      await run('mvn', ['-q', '-B', '-f', fileURLToPath(pom), ...goal]);
      renameSync(partial, folder);
    } finally {
      rmSync(partial, { recursive: true, force: true });
    }
  }
  const count = readdirSync(folder).filter((name) => name.endsWith('.jar')).length;
  print(`${count} jars in ${folder}`);
}

/** What `<NAME.version>` in the pom says. */
export function pomVersion(pom: URL, name: string): string {
  const found = new RegExp(`<${name}\\.version>(.*?)<`).exec(readFileSync(pom, 'utf8'));
  if (found === null) throw new Error(`${fileURLToPath(pom)} has no ${name}.version`);
  return found[1]!;
}

function jarFolder(pom: URL): string {
  const text = readFileSync(pom, 'utf8');
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  return join(cache, 'mqlab', 'peers', `${basename(dirname(fileURLToPath(pom)))}-${hash}`);
}

function run(command: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => void (said = (said + text).slice(-2000)));
    child.once('error', (error) => reject(new Error(`${command} cannot be run: ${error.message}`)));
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`${command}: exit ${code}\n${said}`))));
  });
}
