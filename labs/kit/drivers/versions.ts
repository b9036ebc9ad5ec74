/** Versions of the clients under test, from the packages that are installed. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClientName } from './driver.ts';

const require = createRequire(import.meta.url);

/** Walks up from the package's entry to its package.json: `exports` may hide it. */
function installedVersion(name: string): string {
  let folder = dirname(require.resolve(name));
  for (;;) {
    try {
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
        name?: string;
        version?: string;
      };
      if (manifest.name === name && manifest.version !== undefined) return manifest.version;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`${name} has no package.json`);
    folder = parent;
  }
}

function ownVersion(): string {
  const manifest = fileURLToPath(new URL('../../package.json', import.meta.url));
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

export function clientVersion(name: ClientName): string {
  switch (name) {
    case 'mqlab':
      return ownVersion();
    case 'kafkajs':
      return installedVersion('kafkajs');
    case 'platformatic':
      return installedVersion('@platformatic/kafka');
  }
}

/** As it stands in verdicts: `kafkajs 2.2.4`. */
export function clientTitle(name: ClientName): string {
  return `${name === 'platformatic' ? '@platformatic/kafka' : name} ${clientVersion(name)}`;
}
