import type { Part } from '../ports/network.ts';
import {
  readResponseHeader,
  requestHeaderVersion,
  responseHeaderVersion,
  writeRequestHeader,
  writeResponseHeader,
} from '../protocol/header.ts';
import { Reader } from '../protocol/reader.ts';
import type { Api, Fields, RequestInput, ResponseInput, ResponseOf } from '../protocol/schema.ts';
import { WireError } from '../protocol/wire-error.ts';
import { Writer } from '../protocol/writer.ts';

/**
 * Whole frames, for client and server: size i32, header (protocol/header.ts), body.
 *
 * Invariant: record data in a body, buffers or file slices, becomes a part of the frame without being copied.
 */
const SIZE_BYTES = 4;

/** Key, version and correlation id: no request can be smaller. */
export const REQUEST_BYTES_MIN = 8;
export const RESPONSE_BYTES_MIN = 4;

// biome-ignore lint/suspicious/noExplicitAny: an api whatever its messages
export type AnyApi = Api<any, any>;

/** The frame as parts; they belong to the caller. */
export function encodeRequest<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  apiVersion: number,
  correlationId: number,
  clientId: string | null,
  body: RequestInput<Api<Req, Res>>,
): Part[] {
  const writer = new Writer();
  writer.int32(0); // the size, filled in below
  const version = requestHeaderVersion(api as AnyApi, apiVersion);
  writeRequestHeader(writer, version, { apiKey: api.key, apiVersion, correlationId, clientId });
  api.request.write(writer, apiVersion, body);
  return sealed(writer);
}

/** The frame as parts; they belong to the caller. */
export function encodeResponse<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  apiVersion: number,
  correlationId: number,
  body: ResponseInput<Api<Req, Res>>,
): Part[] {
  const writer = new Writer();
  writer.int32(0);
  writeResponseHeader(writer, responseHeaderVersion(api as AnyApi, apiVersion), correlationId);
  api.response.write(writer, apiVersion, body);
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
  return frame.readInt32BE(0);
}

/** Decodes a response frame (without its size). Throws WireError, also for bytes behind the message. */
export function decodeResponse<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  apiVersion: number,
  frame: Buffer,
): ResponseOf<Api<Req, Res>> {
  const reader = new Reader(frame);
  readResponseHeader(reader, responseHeaderVersion(api as AnyApi, apiVersion));
  const body = api.response.read(reader, apiVersion);
  if (reader.remaining > 0) throw new WireError(`${reader.remaining} bytes behind ${api.name} v${apiVersion}`);
  return body as ResponseOf<Api<Req, Res>>;
}
