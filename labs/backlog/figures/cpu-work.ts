/** Work that a processor does and that cannot be waited for: a chain of hashes, in a worker thread, so that consumers of one process can use every core. */
import { createHash } from 'node:crypto';

export default function hashChain(rounds: number): string {
  let text = 'backlog';
  for (let round = 0; round < rounds; round++) text = createHash('sha256').update(text).digest('hex');
  return text;
}
