/**
 * What an external cluster is, as far as it says: Kafka's protocol has no field for a product or a version, but the finalized metadata.version
 * names the release that introduced it.
 *
 * Invariant: nothing is guessed beyond that: "from … on" is what the level says, and who finalized it may be newer, or another product.
 */
import type { Address } from '@mqlab/core/ports/network.ts';
import type { Ports } from '@mqlab/core/ports/ports.ts';
import { RpcClient } from '@mqlab/core/rpc/rpc-client.ts';

/** The lowest level of each release of Apache Kafka. */
const RELEASES: readonly (readonly [level: number, release: string])[] = [
  [7, '3.3'],
  [8, '3.4'],
  [9, '3.5'],
  [12, '3.6'],
  [15, '3.7'],
  [20, '3.8'],
  [21, '3.9'],
  [22, '4.0'],
  [26, '4.1'],
  [28, '4.2'],
  [30, '4.3'],
];

export function releaseOf(level: number): string | null {
  return RELEASES.findLast(([from]) => from <= level)?.[1] ?? null;
}

export async function externalVersion(ports: Ports, address: Address): Promise<string> {
  const client = await RpcClient.connect(ports, address, { clientId: 'mqlab-kit' }).catch(() => null);
  if (client === null) return 'unknown';
  const level = client.finalizedFeatures.get('metadata.version');
  client.close();
  const release = level === undefined ? null : releaseOf(level);
  return release === null ? 'unknown' : `Kafka protocol of ${release} (metadata.version ${level})`;
}
