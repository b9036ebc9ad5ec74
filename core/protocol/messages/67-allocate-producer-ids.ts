import { api, int16, int32, int64 } from '../schema.ts';

/** AllocateProducerIds: a broker takes a block of producer ids (KIP-730). */
export const AllocateProducerIds = api(
  67,
  'AllocateProducerIds',
  { versions: '0', flexible: '0+' },
  {
    brokerId: int32(),
    brokerEpoch: int64('0+', { default: -1 }),
  },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16(),
    producerIdStart: int64(),
    producerIdLen: int32(),
  },
);
