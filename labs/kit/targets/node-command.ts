/**
 * A command of the user's that works on a node of their cluster, in their shell; `{id}` in it is the node's id.
 *
 * Invariant: it ended with exit code 0 within `COMMAND_MS_MAX`, or this rejects with what it wrote.
 */
import { exec } from 'node:child_process';

const COMMAND_MS_MAX = 120_000;

export function runNodeCommand(command: string, id: number): Promise<void> {
  const text = command.replaceAll('{id}', String(id));
  return new Promise((resolve, reject) => {
    exec(text, { timeout: COMMAND_MS_MAX }, (error, stdout, stderr) => {
      if (error === null) resolve();
      else reject(new Error(`${text}: ${error.signal ?? `exit code ${error.code}`}\n${stderr || stdout}`.trim()));
    });
  });
}
