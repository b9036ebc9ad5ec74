import { int16, message, string } from '../../protocol/schema.ts';

/** The finalized level of a feature; 0 = not in use. The first record of every metadata log names metadata.version. */
export const FeatureLevelRecord = message(
  'FeatureLevelRecord',
  { versions: '0', flexible: '0+' },
  {
    name: string(),
    featureLevel: int16(),
  },
);
