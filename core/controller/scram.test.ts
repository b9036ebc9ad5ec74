import { createHmac, hash } from 'node:crypto';
import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import { decodeMetadataRecord, encodeMetadataRecord } from './records/metadata-record.ts';
import { ScramCredentials } from './scram-credentials.ts';
import { alterScramCredentials, hmacOf } from './scram-decisions.ts';

property.prop([fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 })])(
  'the keyed hash is that of the library',
  (key, text) => {
    expect(hmacOf('sha256', 64, key, text)).toEqual(createHmac('sha256', key).update(text).digest());
    expect(hmacOf('sha512', 128, key, text)).toEqual(createHmac('sha512', key).update(text).digest());
  },
);

test('a record has what the server needs and not the salted password; an empty one is no key', () => {
  const saltedPassword = Buffer.from('salted');
  const upsertion = { name: 'u', mechanism: 1, iterations: 4096, salt: Buffer.from('salt'), saltedPassword };
  const { records, response } = alterScramCredentials(new ScramCredentials(), [], [upsertion]);
  expect(response).toEqual([{ user: 'u', errorCode: 0, errorMessage: null }]);
  const clientKey = createHmac('sha256', saltedPassword).update('Client Key').digest();
  expect(decodeMetadataRecord(encodeMetadataRecord(records[0]!))).toMatchObject({
    kind: 'userScramCredential',
    storedKey: hash('sha256', clientKey, 'buffer'),
    serverKey: createHmac('sha256', saltedPassword).update('Server Key').digest(),
  });
  const empty = alterScramCredentials(new ScramCredentials(), [], [{ ...upsertion, saltedPassword: Buffer.alloc(0) }]);
  expect([empty.records, empty.response[0]!.errorCode]).toEqual([[], ErrorCode.UNKNOWN_SERVER_ERROR]);
});
