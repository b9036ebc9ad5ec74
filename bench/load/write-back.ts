/**
 * Everything that was written lies on the device: a window that begins then has its own writes to pay for, and not those of the windows before it, which the system would
 * else write back meanwhile, or for which it would hold up the writer (dirty pages above a share of memory).
 *
 * Where there is no `sync` program nothing happens.
 */
import { spawn } from 'node:child_process';

export function writeBack(): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn('sync', { stdio: 'ignore' });
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });
}
