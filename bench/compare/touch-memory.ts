/**
 * Touches free memory once: on a virtual machine the first touch of a page may cost far more than all later ones, and would be charged to whoever came first. A process of its
 * own, so that all of it is free again. Argument: bytes.
 */
import { spawnSync } from 'node:child_process';
import { freemem } from 'node:os';
import { fileURLToPath } from 'node:url';

const CHUNK_BYTES = 256 * 1024 * 1024;
const PAGE_BYTES = 4096;
const BYTES_MAX = 8 * 1024 * 1024 * 1024;

/** At most half of what is free. Returns how much. */
export function touchFreeMemory(): number {
  const bytes = Math.min(BYTES_MAX, Math.floor(freemem() / 2));
  spawnSync(process.execPath, [fileURLToPath(import.meta.url), String(bytes)], { stdio: 'ignore' });
  return bytes;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const chunks: Buffer[] = [];
  for (let left = Number(process.argv[2]); left > 0; left -= CHUNK_BYTES) {
    const chunk = Buffer.allocUnsafeSlow(Math.min(left, CHUNK_BYTES));
    for (let at = 0; at < chunk.length; at += PAGE_BYTES) chunk[at] = 1;
    chunks.push(chunk);
  }
}
