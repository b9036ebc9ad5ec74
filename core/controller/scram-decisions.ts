import { hash } from 'node:crypto';
import { ErrorCode } from '../protocol/errors.ts';
import { ACCEPTED, type Decision, type Outcome, refused } from './decision.ts';
import type { NewMetadataRecord } from './records/metadata-record.ts';
import { SCRAM_MECHANISMS, type ScramCredentials } from './scram-credentials.ts';

/** Decisions about users' SCRAM credentials, pure (KIP-554). A user is altered once in a request, or not at all. */
const ITERATIONS_MIN = 4096;
const ITERATIONS_MAX = 16384;

export interface ScramDeletion {
  readonly name: string;
  readonly mechanism: number;
}

export interface ScramUpsertion extends ScramDeletion {
  readonly iterations: number;
  readonly salt: Buffer;
  readonly saltedPassword: Uint8Array;
}

export interface AlteredUser extends Outcome {
  readonly user: string;
}

export function alterScramCredentials(
  credentials: ScramCredentials,
  deletions: readonly ScramDeletion[],
  upsertions: readonly ScramUpsertion[],
): Decision<readonly AlteredUser[]> {
  const records = new Map<string, NewMetadataRecord>();
  const failures = new Map<string, Outcome>();
  const alter = (name: string, decide: () => NewMetadataRecord | Outcome): void => {
    if (failures.has(name)) return;
    if (records.delete(name)) {
      failures.set(
        name,
        refused(ErrorCode.DUPLICATE_RESOURCE, 'A user credential cannot be altered twice in the same request'),
      );
      return;
    }
    const decided = decide();
    if ('kind' in decided) records.set(name, decided);
    else failures.set(name, decided);
  };
  for (const { name, mechanism } of deletions) {
    alter(name, () => {
      const problem = nameProblem(name, mechanism);
      if (problem !== null) return problem;
      return credentials.of(name).has(mechanism)
        ? { kind: 'removeUserScramCredential', name, mechanism }
        : refused(ErrorCode.RESOURCE_NOT_FOUND, 'Attempt to delete a user credential that does not exist');
    });
  }
  for (const upsertion of upsertions) {
    alter(upsertion.name, () => {
      const { name, mechanism, iterations } = upsertion;
      const problem = nameProblem(name, mechanism);
      if (problem !== null) return problem;
      if (iterations < ITERATIONS_MIN) return refused(ErrorCode.UNACCEPTABLE_CREDENTIAL, 'Too few iterations');
      if (iterations > ITERATIONS_MAX) return refused(ErrorCode.UNACCEPTABLE_CREDENTIAL, 'Too many iterations');
      if (upsertion.saltedPassword.length === 0)
        return { errorCode: ErrorCode.UNKNOWN_SERVER_ERROR, errorMessage: null };
      return credentialRecord(upsertion);
    });
  }
  const accepted = [...records.keys()].map((user) => ({ ...ACCEPTED, user }));
  const failed = [...failures].map(([user, outcome]) => ({ ...outcome, user }));
  return { records: [...records.values()], response: [...accepted, ...failed] };
}

function nameProblem(name: string, mechanism: number): Outcome | null {
  if (name === '') return refused(ErrorCode.UNACCEPTABLE_CREDENTIAL, 'Username must not be empty');
  return SCRAM_MECHANISMS.has(mechanism)
    ? null
    : refused(ErrorCode.UNSUPPORTED_SASL_MECHANISM, 'Unknown SCRAM mechanism');
}

/** RFC 5802: the server keeps H(HMAC(salted, "Client Key")) and HMAC(salted, "Server Key"); the salted password is forgotten. */
function credentialRecord({ name, mechanism, salt, saltedPassword, iterations }: ScramUpsertion): NewMetadataRecord {
  const { digest, blockBytes } = SCRAM_MECHANISMS.get(mechanism)!;
  const hmac = (text: string): Buffer => hmacOf(digest, blockBytes, saltedPassword, Buffer.from(text));
  return {
    kind: 'userScramCredential',
    name,
    mechanism,
    salt,
    storedKey: hash(digest, hmac('Client Key'), 'buffer'),
    serverKey: hmac('Server Key'),
    iterations,
  };
}

/** RFC 2104 over a hash: H(key ⊕ opad ‖ H(key ⊕ ipad ‖ text)). */
export function hmacOf(digest: string, blockBytes: number, key: Uint8Array, text: Uint8Array): Buffer {
  const block = Buffer.alloc(blockBytes);
  block.set(key.length > blockBytes ? hash(digest, key, 'buffer') : key);
  const padded = (pad: number): Buffer => Buffer.from(block.map((byte) => byte ^ pad));
  const inner = hash(digest, Buffer.concat([padded(0x36), text]), 'buffer');
  return hash(digest, Buffer.concat([padded(0x5c), inner]), 'buffer');
}

export interface DescribedUser extends Outcome {
  readonly user: string;
  readonly credentialInfos: readonly { readonly mechanism: number; readonly iterations: number }[];
}

/** `users` null or empty: all of them. */
export function describeScramCredentials(
  credentials: ScramCredentials,
  users: readonly string[] | null,
): readonly DescribedUser[] {
  const asked = users === null || users.length === 0 ? credentials.users() : users;
  return [...new Set(asked)].map((user) => {
    const found = credentials.of(user);
    const isTwice = asked.indexOf(user) !== asked.lastIndexOf(user);
    const outcome = isTwice
      ? refused(ErrorCode.DUPLICATE_RESOURCE, `Each user may be described once in a request, not so ${user}`)
      : found.size === 0
        ? refused(ErrorCode.RESOURCE_NOT_FOUND, `Attempt to describe a user credential that does not exist: ${user}`)
        : ACCEPTED;
    const credentialInfos = isTwice ? [] : [...found].map(([mechanism, { iterations }]) => ({ mechanism, iterations }));
    return { ...outcome, user, credentialInfos: credentialInfos.sort((a, b) => a.mechanism - b.mechanism) };
  });
}
