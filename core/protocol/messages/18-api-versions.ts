import { api, array, bool, int16, int32, int64, string } from '../schema.ts';

/**
 * ApiVersions: which keys and versions the broker has. v3 adds the client's name and version (KIP-511) and the features (KIP-584).
 * The response header is v0 at every version, so that a client that guessed too high can still read the answer.
 */
export const ApiVersions = api(
  18,
  'ApiVersions',
  { versions: '0-4', flexible: '3+' },
  {
    clientSoftwareName: string('3+'),
    clientSoftwareVersion: string('3+'),
  },
  {
    errorCode: int16(),
    apiKeys: array({ apiKey: int16(), minVersion: int16(), maxVersion: int16() }),
    throttleTimeMs: int32('1+'),
    supportedFeatures: array({ name: string(), minVersion: int16(), maxVersion: int16() }, '3+', { tag: 0 }),
    finalizedFeaturesEpoch: int64('3+', { tag: 1, default: -1 }),
    finalizedFeatures: array({ name: string(), maxVersionLevel: int16(), minVersionLevel: int16() }, '3+', { tag: 2 }),
    zkMigrationReady: bool('3+', { tag: 3 }),
  },
);
