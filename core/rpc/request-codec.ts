import type { Part } from '../ports/network.ts';
import { Reader } from '../protocol/reader.ts';
import type { Api, Fields, RequestInput, ResponseInput, ResponseOf } from '../protocol/schema.ts';
import { WireError } from '../protocol/wire-error.ts';
import { Writer } from '../protocol/writer.ts';

/**
 * Headers in front of requests and responses, one for server and client.
 *
 *     request   size i32 │ apiKey i16 │ apiVersion i16 │ correlationId i32 │ clientId i16+bytes │ tags (flexible versions) │ body
 *     response  size i32 │ correlationId i32 │ tags (flexible versions, but never ApiVersions)  │ body
 *
 * clientId keeps its i16 length in flexible versions (KIP-482); the answer to ApiVersions has header v0 at every version, since a client that
 * guessed too high a version must be able to read it (KIP-511).
 */
const API_VERSIONS_KEY = 18;
const SIZE_BYTES = 4;

/** The first eight bytes, which are the same at every key and version: all that may be read of a request of an unknown one. */
export interface RequestPrefix {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
}

export interface RequestHeader extends RequestPrefix {
  readonly clientId: string | null;
}

/** Key, version and correlation id: no frame can be smaller. */
export const REQUEST_PREFIX_BYTES = 8;
export const RESPONSE_BYTES_MIN = 4;

export function readRequestPrefix(reader: Reader): RequestPrefix {
  return { apiKey: reader.int16(), apiVersion: reader.int16(), correlationId: reader.int32() };
}

/** The rest of the header, once the prefix named a version that is known. Throws WireError. */
export function readClientId(reader: Reader, api: Api, apiVersion: number): string | null {
  const clientId = reader.nullableString();
  if (api.request.isFlexible(apiVersion)) skipTags(reader);
  return clientId;
}

function skipTags(reader: Reader): void {
  const count = reader.unsignedVarint();
  for (let i = 0; i < count; i++) {
    reader.unsignedVarint();
    reader.skip(reader.unsignedVarint());
  }
}

function responseHeaderIsFlexible(api: Api, version: number): boolean {
  return api.key !== API_VERSIONS_KEY && api.response.isFlexible(version);
}

/** The frame as parts; record data in `body` is not copied. The parts belong to the caller. */
export function encodeRequest<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  version: number,
  correlationId: number,
  clientId: string | null,
  body: RequestInput<Api<Req, Res>>,
): Part[] {
  const writer = new Writer();
  writer.int32(0); // the size, filled in below
  writer.int16(api.key);
  writer.int16(version);
  writer.int32(correlationId);
  writer.nullableString(clientId);
  if (api.request.isFlexible(version)) writer.unsignedVarint(0);
  api.request.write(writer, version, body);
  return sealed(writer);
}

/** The frame as parts; file slices and buffers in `body` are not copied. */
export function encodeResponse<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  version: number,
  correlationId: number,
  body: ResponseInput<Api<Req, Res>>,
): Part[] {
  const writer = new Writer();
  writer.int32(0);
  writer.int32(correlationId);
  if (responseHeaderIsFlexible(api as Api, version)) writer.unsignedVarint(0);
  api.response.write(writer, version, body);
  return sealed(writer);
}

/** Puts the size in front. The writer's own bytes come first, so the first part holds the size field. */
function sealed(writer: Writer): Part[] {
  const bytes = writer.length - SIZE_BYTES;
  const parts = writer.parts() as Part[];
  (parts[0] as Buffer).writeInt32BE(bytes, 0);
  return parts;
}

export function readCorrelationId(frame: Buffer): number {
  return new Reader(frame).int32();
}

/** Decodes a response frame (without its size). Throws WireError, also for bytes behind the message. */
export function decodeResponse<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  version: number,
  frame: Buffer,
): ResponseOf<Api<Req, Res>> {
  const reader = new Reader(frame);
  reader.int32();
  if (responseHeaderIsFlexible(api as Api, version)) skipTags(reader);
  const body = api.response.read(reader, version);
  if (reader.remaining > 0) throw new WireError(`${reader.remaining} bytes behind ${api.name} v${version}`);
  return body as ResponseOf<Api<Req, Res>>;
}
