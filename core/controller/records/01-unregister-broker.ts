import { int32, int64, message } from '../../protocol/schema.ts';

/** The broker is no part of the cluster any more, until it registers again. */
export const UnregisterBrokerRecord = message(
  'UnregisterBrokerRecord',
  { versions: '0', flexible: '0+' },
  {
    brokerId: int32(),
    brokerEpoch: int64(),
  },
);
