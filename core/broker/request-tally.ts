import { ApiVersions } from '../protocol/messages/18-api-versions.ts';
import type { Caller } from './handler.ts';

/**
 * Which client asked which API at which version. It says who has proven an API (core/APIS.md is made from it), and costs nothing where nobody wants to know:
 * `BrokerMetrics.tally` is null then.
 *
 * Invariant: `onFirst` is called once for each pair of an API's version and a client.
 */
export interface TallyEntry {
  readonly apiKey: number;
  readonly apiVersion: number;
  /** As the connection's ApiVersions request (v3+) named it, `name version`; null when it was not named. */
  readonly software: string | null;
  readonly clientId: string | null;
}

export class RequestTally {
  private readonly onFirst: (entry: TallyEntry) => void;
  private readonly software = new WeakMap<Caller, string>();
  private readonly seen = new Set<string>();

  constructor(onFirst: (entry: TallyEntry) => void) {
    this.onFirst = onFirst;
  }

  note(apiKey: number, apiVersion: number, clientId: string | null, connection: Caller, request: object): void {
    if (apiKey === ApiVersions.key && apiVersion >= 3) {
      const { clientSoftwareName, clientSoftwareVersion } = request as Record<string, string>;
      this.software.set(connection, `${clientSoftwareName} ${clientSoftwareVersion}`);
    }
    const software = this.software.get(connection) ?? null;
    const id = `${apiKey} ${apiVersion} ${software ?? `id ${clientId}`}`;
    if (this.seen.has(id)) return;
    this.seen.add(id);
    this.onFirst({ apiKey, apiVersion, software, clientId });
  }
}
