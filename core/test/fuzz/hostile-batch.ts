import type { SimRandom } from '../../ports/sim/random.ts';
import { BATCH_HEADER_BYTES, CODECS, LOG_OVERHEAD_BYTES, RecordBatch } from '../../protocol/record-batch.ts';
import { buildBatch } from '../../protocol/record-batch-builder.ts';
import { mutate } from './mutate.ts';

/** Batches of a producer that means harm: damaged after they were sealed, or damaged and then sealed again, so that length and CRC fit the damage. */
const VALUE_BYTES_MAX = 60;

export function hostileBatch(random: SimRandom, nowMs: number): Buffer {
  const isIdempotent = random.chance(0.3);
  const bytes = buildBatch({
    compression: CODECS[random.integer(CODECS.length)]!,
    ...(isIdempotent ? { producerId: random.integer(5), producerEpoch: 0, baseSequence: random.integer(20) } : {}),
    records: Array.from({ length: 1 + random.integer(6) }, (_, i) => ({
      timestamp: nowMs + i,
      key: random.chance(0.2) ? null : `key ${random.integer(4)}`,
      value: random.chance(0.1) ? null : random.bytes(random.integer(VALUE_BYTES_MAX)),
      headers: random.chance(0.2) ? [{ key: 'h', value: null }] : [],
    })),
  });
  if (random.chance(0.15)) return bytes;
  const damaged = random.chance(0.3) ? damageHeader(random, bytes) : mutate(random, bytes);
  return random.chance(0.8) ? seal(damaged) : damaged;
}

/** One field that the CRC covers. */
function damageHeader(random: SimRandom, bytes: Buffer): Buffer {
  const values = [-1, 0, 1, 2, 3, 7, 0x10, 0x20, 0x40, 0x7f, 0x7fff_ffff, -0x8000_0000, -2];
  const value = values[random.integer(values.length)]!;
  const fields = [21, 23, 27, 31, 35, 39, 43, 47, 51, 53, 57];
  const at = fields[random.integer(fields.length)]!;
  if (at === 21 || at === 51) bytes.writeInt16BE((value << 16) >> 16, at);
  else bytes.writeInt32BE(value, at);
  // A count and a delta that lie, but agree.
  if (at === 57 && random.chance(0.7)) bytes.writeInt32BE((value - 1) | 0, 23);
  return bytes;
}

/** Makes length, format and CRC fit again, as a hostile client would. */
export function seal(bytes: Buffer): Buffer {
  if (bytes.length < BATCH_HEADER_BYTES) return bytes;
  bytes.writeBigInt64BE(0n, 0);
  bytes.writeInt32BE(bytes.length - LOG_OVERHEAD_BYTES, 8);
  bytes.writeInt8(2, 16);
  bytes.writeUInt32BE(new RecordBatch(bytes).computeCrc(), 17);
  return bytes;
}
