import type { Reader } from './reader.ts';
import type { Api } from './schema.ts';
import { WireError } from './wire-error.ts';
import type { Writer } from './writer.ts';

/**
 * What stands in front of each request and response, behind the frame's i32 length.
 *
 *     request   apiKey i16 | apiVersion i16 | correlationId i32 | clientId i16 string, −1 null | v2: tagged fields
 *     response  correlationId i32 | v1: tagged fields
 *
 * The client's id keeps its plain i16 length in header v2, so that an older broker can read the header of any ApiVersions request.
 * An API in a flexible version has request header v2 and response header v1, otherwise 1 and 0. ApiVersions is the exception:
 * its response header is always v0, since the client may not know yet what the broker speaks.
 * The whole size of a frame and the order of the answers are the business of rpc. Source: KIP-482, KIP-511.
 */
const API_VERSIONS_KEY = 18;

export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
}

export type RequestHeaderVersion = 1 | 2;
export type ResponseHeaderVersion = 0 | 1;

export function requestHeaderVersion(api: Api, apiVersion: number): RequestHeaderVersion {
  return api.request.isFlexible(apiVersion) ? 2 : 1;
}

export function responseHeaderVersion(api: Api, apiVersion: number): ResponseHeaderVersion {
  return api.key !== API_VERSIONS_KEY && api.response.isFlexible(apiVersion) ? 1 : 0;
}

/** Key, version and correlation id: the part that every request has, and enough to refuse it. */
export function readRequestHeaderStart(reader: Reader): Omit<RequestHeader, 'clientId'> {
  return { apiKey: reader.int16(), apiVersion: reader.int16(), correlationId: reader.int32() };
}

/**
 * Reads a header whose version depends on the key and version in it: `versionOf` says which, or undefined for an API that is not spoken;
 * then the rest of the frame is left unread and the client's id is null. Throws WireError.
 */
export function readRequestHeader(
  reader: Reader,
  versionOf: (apiKey: number, apiVersion: number) => RequestHeaderVersion | undefined,
): RequestHeader {
  const start = readRequestHeaderStart(reader);
  const version = versionOf(start.apiKey, start.apiVersion);
  if (version === undefined) return { ...start, clientId: null };
  const clientId = reader.nullableString();
  if (version === 2) skipTags(reader);
  return { ...start, clientId };
}

export function writeRequestHeader(writer: Writer, version: RequestHeaderVersion, header: RequestHeader): void {
  writer.int16(header.apiKey);
  writer.int16(header.apiVersion);
  writer.int32(header.correlationId);
  writer.nullableString(header.clientId);
  if (version === 2) writer.unsignedVarint(0);
}

/** The correlation id. Throws WireError. */
export function readResponseHeader(reader: Reader, version: ResponseHeaderVersion): number {
  const correlationId = reader.int32();
  if (version === 1) skipTags(reader);
  return correlationId;
}

export function writeResponseHeader(writer: Writer, version: ResponseHeaderVersion, correlationId: number): void {
  writer.int32(correlationId);
  if (version === 1) writer.unsignedVarint(0);
}

function skipTags(reader: Reader): void {
  const count = reader.unsignedVarint();
  let previous = -1;
  for (let i = 0; i < count; i++) {
    const tag = reader.unsignedVarint();
    if (tag <= previous) throw new WireError(`tag ${tag} after tag ${previous}`);
    previous = tag;
    reader.skip(reader.unsignedVarint());
  }
}
