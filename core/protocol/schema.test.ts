import { expect, test } from 'vitest';
import { Heartbeat } from './messages/12-heartbeat.ts';
import { ApiVersions } from './messages/18-api-versions.ts';

test('a message survives encode and decode, plain and flexible', () => {
  for (const version of [0, 1, 2, 3, 4]) {
    const value = { groupId: 'g', generationId: 7, memberId: 'm', groupInstanceId: version >= 3 ? 'i' : null };
    const encoded = Heartbeat.request.encode(version, value);
    expect(Heartbeat.request.decode(version, encoded)).toEqual(value);
  }
});

test('tagged fields are written only when they differ from their default', () => {
  const plain = ApiVersions.response.encode(3, { errorCode: 0, apiKeys: [] });
  expect(plain.toString('hex')).toBe('0000010000000000');
  const value = ApiVersions.response.decode(
    3,
    ApiVersions.response.encode(3, { errorCode: 0, apiKeys: [], finalizedFeaturesEpoch: 5 }),
  );
  expect(value.finalizedFeaturesEpoch).toBe(5);
  expect(value.supportedFeatures).toEqual([]);
});
