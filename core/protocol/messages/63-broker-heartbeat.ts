import { api, array, bool, int16, int32, int64, uuid } from '../schema.ts';

/**
 * BrokerHeartbeat: a broker is alive, and asks to be unfenced or to shut down (KIP-631).
 * v1 adds failed log directories (KIP-858); v2 cordoned ones (KIP-1066).
 */
export const BrokerHeartbeat = api(
  63,
  'BrokerHeartbeat',
  { versions: '0-2', flexible: '0+' },
  {
    brokerId: int32(),
    brokerEpoch: int64('0+', { default: -1 }),
    currentMetadataOffset: int64(),
    wantFence: bool(),
    wantShutDown: bool(),
    offlineLogDirs: array(uuid(), '1+', { tag: 0 }),
    cordonedLogDirs: array(uuid(), '2+', { nullable: '2+', tag: 1, default: null }),
  },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16(),
    isCaughtUp: bool('0+'),
    isFenced: bool('0+', { default: true }),
    shouldShutDown: bool(),
  },
);
