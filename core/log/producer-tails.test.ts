import { expect, test } from 'vitest';
import { batch, T0, TestFolder } from './test/fixture.ts';

const of = (baseSequence: number, producerEpoch = 0) => ({ producerId: 7, producerEpoch, baseSequence });

/** Found by lab `replication`, scenario `agreement`, plan 1387: a retry across a clean restart of the broker was stored a second time. */
test('after a clean end the last five batches of a producer are known again, not only the last', async () => {
  using folder = new TestFolder();
  const log = folder.log();
  for (let sequence = 0; sequence < 8; sequence++) {
    log.append(batch([`v${sequence}`], T0 + sequence, of(sequence)), 0);
    log.append(batch(['of nobody']), 0);
  }
  await log.close();
  const again = folder.log();
  for (let sequence = 3; sequence < 8; sequence++) {
    expect(again.append(batch([`v${sequence}`], T0 + sequence, of(sequence)), 0)).toMatchObject({
      isDuplicate: true,
      firstOffset: 2 * sequence,
    });
  }
  expect(again.append(batch(['v2'], T0, of(2)), 0)).toMatchObject({ kind: 'rejected', errorCode: 45 });
  expect(again.append(batch(['v8'], T0, of(8)), 0)).toMatchObject({ kind: 'appended', isDuplicate: false });
  await again.close();
});

test('what a producer wrote in an older epoch is not taken for a batch of the present one', async () => {
  using folder = new TestFolder();
  const log = folder.log();
  for (let sequence = 0; sequence < 3; sequence++) log.append(batch(['old'], T0, of(sequence)), 0);
  log.append(batch(['new'], T0, of(0, 1)), 0);
  log.append(batch(['new'], T0, of(1, 1)), 0);
  await log.close();
  const again = folder.log();
  expect(again.append(batch(['new'], T0, of(0, 1)), 0)).toMatchObject({ isDuplicate: true, firstOffset: 3 });
  expect(again.append(batch(['x'], T0, of(2, 1)), 0)).toMatchObject({ kind: 'appended', isDuplicate: false });
  await again.close();
});
