/** Versions of the clients under test, from the packages that are installed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageFolder } from '../package-folder.ts';
import type { ClientName } from './driver.ts';

function installedVersion(name: string): string {
  const manifest = JSON.parse(readFileSync(join(packageFolder(name), 'package.json'), 'utf8')) as { version: string };
  return manifest.version;
}

function ownVersion(): string {
  const manifest = fileURLToPath(new URL('../../package.json', import.meta.url));
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

const known = new Map<ClientName, string>();

export function clientVersion(name: ClientName): string {
  let version = known.get(name);
  if (version === undefined) known.set(name, (version = readVersion(name)));
  return version;
}

function readVersion(name: ClientName): string {
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
