import { FileSlice } from '../ports/files.ts';
import type { Part } from '../ports/network.ts';
import { Writer } from '../protocol/writer.ts';
import { ANONYMOUS_USER } from './quotas/quotas.ts';

/** What an Envelope (KIP-590) is made of: a request's frame, the principal in Kafka's default form, the client's address. */
const SIZE_BYTES = 4;
const PRINCIPAL_VERSION = 0;

/** `DefaultPrincipalData` v0: User:ANONYMOUS, who did not log in by a token. */
export const ANONYMOUS_PRINCIPAL: Buffer = principal('User', ANONYMOUS_USER);

function principal(type: string, name: string): Buffer {
  const writer = new Writer(32);
  writer.int16(PRINCIPAL_VERSION);
  writer.compactNullableString(type);
  writer.compactNullableString(name);
  writer.bool(false);
  writer.unsignedVarint(0); // no tagged fields
  return writer.toBuffer();
}

/** The four bytes of an IPv4 address; the loopback address for what is none. */
export function hostBytes(host: string): Buffer {
  const parts = host.replace('::ffff:', '').split('.').map(Number);
  const isAddress = parts.length === 4 && parts.every((each) => each >= 0 && each <= 255);
  return Buffer.from(isAddress ? parts : [127, 0, 0, 1]);
}

/** A frame in one piece, without its size. Responses of controllers hold no file slices. */
export function frameOf(parts: readonly Part[]): Buffer {
  const bytes = parts.map((part) => {
    if (part instanceof FileSlice) throw new Error('an answer within this process holds a slice of a file');
    return part;
  });
  return Buffer.concat(bytes).subarray(SIZE_BYTES);
}
