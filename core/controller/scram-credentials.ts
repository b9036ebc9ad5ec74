/**
 * Users' SCRAM credentials as the metadata log says they are, by user and mechanism.
 *
 * Invariant: `replay` and `remove` alone change it. Nobody logs in with them here: no listener speaks SASL; they are kept for the day when one does.
 */
export const SCRAM_MECHANISMS: ReadonlyMap<
  number,
  { readonly name: string; readonly digest: string; readonly blockBytes: number }
> = new Map([
  [1, { name: 'SCRAM-SHA-256', digest: 'sha256', blockBytes: 64 }],
  [2, { name: 'SCRAM-SHA-512', digest: 'sha512', blockBytes: 128 }],
]);

export interface ScramCredential {
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
  readonly iterations: number;
}

const NONE: ReadonlyMap<number, ScramCredential> = new Map();

export class ScramCredentials {
  private readonly byUser = new Map<string, Map<number, ScramCredential>>();

  users(): string[] {
    return [...this.byUser.keys()];
  }

  /** By mechanism. */
  of(user: string): ReadonlyMap<number, ScramCredential> {
    return this.byUser.get(user) ?? NONE;
  }

  reset(): void {
    this.byUser.clear();
  }

  /** The record's bytes are views of a buffer that others use again: they are copied. */
  replay(record: ScramCredential & { readonly name: string; readonly mechanism: number }): void {
    const credentials = this.byUser.get(record.name) ?? new Map<number, ScramCredential>();
    credentials.set(record.mechanism, {
      salt: Buffer.from(record.salt),
      storedKey: Buffer.from(record.storedKey),
      serverKey: Buffer.from(record.serverKey),
      iterations: record.iterations,
    });
    this.byUser.set(record.name, credentials);
  }

  remove(user: string, mechanism: number): void {
    const credentials = this.byUser.get(user);
    credentials?.delete(mechanism);
    if (credentials?.size === 0) this.byUser.delete(user);
  }
}
