import { int32, int64, message } from '../../protocol/schema.ts';

/** The broker may lead again. Written by controllers before metadata.version 3.3-IV2; since then it is a change of the registration. */
export const UnfenceBrokerRecord = message(
  'UnfenceBrokerRecord',
  { versions: '0', flexible: '0+' },
  {
    id: int32(),
    epoch: int64(),
  },
);
