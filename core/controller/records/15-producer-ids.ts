import { int32, int64, message } from '../../protocol/schema.ts';

/** A broker was given the producer ids below `nextProducerId` that nobody had before. */
export const ProducerIdsRecord = message(
  'ProducerIdsRecord',
  { versions: '0', flexible: '0+' },
  {
    brokerId: int32(),
    brokerEpoch: int64(),
    nextProducerId: int64(),
  },
);
