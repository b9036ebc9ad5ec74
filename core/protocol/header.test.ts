import { expect, test } from 'vitest';
import {
  readRequestHeader,
  readResponseHeader,
  requestHeaderVersion,
  responseHeaderVersion,
  writeRequestHeader,
  writeResponseHeader,
} from './header.ts';
import { Metadata } from './messages/03-metadata.ts';
import { ApiVersions } from './messages/18-api-versions.ts';
import { Reader } from './reader.ts';
import { WireError } from './wire-error.ts';
import { Writer } from './writer.ts';

const header = { apiKey: 3, apiVersion: 9, correlationId: 7, clientId: 'me' };

test('flexible versions have request header 2 and response header 1, and ApiVersions answers with 0', () => {
  expect([requestHeaderVersion(Metadata, 8), responseHeaderVersion(Metadata, 8)]).toEqual([1, 0]);
  expect([requestHeaderVersion(Metadata, 9), responseHeaderVersion(Metadata, 9)]).toEqual([2, 1]);
  expect([requestHeaderVersion(ApiVersions, 3), responseHeaderVersion(ApiVersions, 3)]).toEqual([2, 0]);
});

test("the client's id keeps its plain length in header 2", () => {
  const writer = new Writer();
  writeRequestHeader(writer, 2, header);
  const bytes = writer.toBuffer();
  expect(bytes.toString('hex')).toBe('00030009000000070002' + '6d65' + '00');
  expect(readRequestHeader(new Reader(bytes), () => 2)).toEqual(header);
  expect(readRequestHeader(new Reader(bytes), () => undefined)).toEqual({ ...header, clientId: null });
});

test('tagged fields of a header are skipped, in order only', () => {
  const hex = (text: string) => new Reader(Buffer.from(text, 'hex'));
  const reader = hex('00000007' + '02' + '0001aa' + '0502bbbb');
  expect(readResponseHeader(reader, 1)).toBe(7);
  expect(reader.remaining).toBe(0);
  expect(() => readResponseHeader(hex('00000007' + '02' + '0500' + '0500'), 1)).toThrow(WireError);
  expect(() => readResponseHeader(hex('00000007' + 'ffffffff0f'), 1)).toThrow(WireError);
  const writer = new Writer();
  writeResponseHeader(writer, 0, 7);
  expect(writer.toBuffer().toString('hex')).toBe('00000007');
});
