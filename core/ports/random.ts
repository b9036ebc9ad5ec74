/**
 * The randomness port. Everything that is drawn (ids, jitter, partition choice) is drawn here, so that a seed decides it.
 */
export interface Random {
  /** An integer, 0 ≤ x < bound; bound from 1 to 2^32. */
  integer(bound: number): number;
  /** A float, 0 ≤ x < 1, 53 bits. */
  float(): number;
  /** A new Buffer of `length` random bytes, owned by the caller. */
  bytes(length: number): Buffer;
  /** 16 bytes with the version 4 and variant bits of RFC 9562 set. */
  uuid(): Buffer;
}
