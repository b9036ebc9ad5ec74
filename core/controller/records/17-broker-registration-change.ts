import { array, int8, int32, int64, message, uuid } from '../../protocol/schema.ts';

/** What changed in a broker's registration; what is left out stays. v2 adds the log dirs that it can use (KIP-858); v3 those that get no new partitions (KIP-1066). */
export const BrokerRegistrationChangeRecord = message(
  'BrokerRegistrationChangeRecord',
  { versions: '0-3', flexible: '0+' },
  {
    brokerId: int32(),
    brokerEpoch: int64(),
    fenced: int8('0+', { tag: 0 }),
    inControlledShutdown: int8('1+', { tag: 1 }),
    logDirs: array(uuid(), '2+', { tag: 2 }),
    cordonedLogDirs: array(uuid(), '3+', { nullable: '3+', tag: 3, default: null }),
  },
);
