/**
 * The 32-bit murmur2 of Kafka's Java client: it decides which partition a key belongs to, so it must give the same number in every client
 * that shares a topic. Returns a signed 32-bit integer.
 */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  const multiplier = 0x5bd1e995;
  let hash = 0x9747b28c ^ length;
  const wordsEnd = length & ~3;
  for (let at = 0; at < wordsEnd; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    word = Math.imul(word, multiplier);
    word ^= word >>> 24;
    word = Math.imul(word, multiplier);
    hash = Math.imul(hash, multiplier) ^ word;
  }
  const tail = length & 3;
  if (tail === 3) hash ^= bytes[wordsEnd + 2]! << 16;
  if (tail >= 2) hash ^= bytes[wordsEnd + 1]! << 8;
  if (tail >= 1) hash = Math.imul(hash ^ bytes[wordsEnd]!, multiplier);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, multiplier);
  return (hash ^ (hash >>> 15)) | 0;
}

/** The partition of a key: the sign bit is cleared, not negated, as in the Java client. */
export function partitionOfKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fff_ffff) % partitionCount;
}
