import { api, array, bool, int8, int16, int32, string } from '../schema.ts';

/**
 * UpdateFeatures: finalizes feature levels of the cluster (KIP-584).
 * v1 adds validateOnly and the kind of change (KIP-778); v2 answers no more with results of single features.
 */
export const UpdateFeatures = api(
  57,
  'UpdateFeatures',
  { versions: '0-2', flexible: '0+' },
  {
    timeoutMs: int32('0+', { default: 60000 }),
    featureUpdates: array({
      feature: string(),
      maxVersionLevel: int16(),
      allowDowngrade: bool('0'),
      upgradeType: int8('1+', { default: 1 }),
    }),
    validateOnly: bool('1+'),
  },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16(),
    errorMessage: string('0+', { nullable: '0+', default: null }),
    results: array(
      {
        feature: string(),
        errorCode: int16(),
        errorMessage: string('0+', { nullable: '0+', default: null }),
      },
      '0-1',
    ),
  },
);
