// Index files and producer snapshots that were damaged while the broker was down: the log opens, and every record is read, or it says that it cannot be.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fc, test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import { batch, readAll, T0, TestFolder } from '../../log/test/fixture.ts';
import { SimRandom } from '../../ports/sim/random.ts';
import { mutate } from './mutate.ts';

const CONFIG = { segmentBytes: 1500, indexIntervalBytes: 200 };
const RECORDS = 60;
const DAMAGED = /\.(index|timeindex|snapshot|txnindex)$|checkpoint$/;

property.prop([fc.integer(), fc.boolean()], { numRuns: 25 })(
  'damaged indexes, snapshots and checkpoints cost no record',
  async (seed, isClean) => {
    using folder = new TestFolder();
    const random = new SimRandom(seed, 'indexes');
    const log = folder.log(CONFIG);
    for (let i = 0; i < RECORDS; i++) {
      const producer = i % 2 === 0 ? { producerId: 7, producerEpoch: 0, baseSequence: i / 2 } : {};
      log.append(batch([`v${i}`], T0 + i, producer), 0);
    }
    await log.close();
    for (const name of readdirSync(log.directory).filter((each) => DAMAGED.test(each))) {
      const path = `${log.directory}/${name}`;
      if (random.chance(0.5)) writeFileSync(path, mutate(random, readFileSync(path)));
    }
    const again = folder.log(CONFIG, { isClean });
    expect(again.logEndOffset).toBe(RECORDS);
    // From every offset, as consumers begin anywhere.
    for (let offset = 0; offset < RECORDS; offset++) {
      expect(readAll(again, offset).map(({ value }) => value)).toEqual(
        Array.from({ length: RECORDS - offset }, (_, i) => `v${offset + i}`),
      );
    }
    await again.close();
  },
);
