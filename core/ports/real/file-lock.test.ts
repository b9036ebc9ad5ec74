import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lockFile } from './file-lock.ts';

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mqlab-lock-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

for (const [name, system] of [
  ['record locks', undefined],
  ['pid files', null],
] as const) {
  test(`${name}: another process's lock is seen, and falls when it is killed`, async () => {
    const file = path.join(folder, `${name.replace(' ', '-')}.lock`);
    const module = new URL('./file-lock.ts', import.meta.url).href;
    const script = `
      const { lockFile } = await import(${JSON.stringify(module)});
      const lock = lockFile(${JSON.stringify(file)}, ${system === null ? 'null' : 'undefined'});
      console.log(lock === null ? 'refused' : 'held');
      setInterval(() => {}, 1000);`;
    const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const said = await new Promise<string>((resolve) => holder.stdout.once('data', (data) => resolve(String(data))));
      expect(said.trim()).toBe('held');
      expect(lockFile(file, system)).toBeNull();
    } finally {
      const gone = new Promise((resolve) => holder.once('exit', resolve));
      holder.kill('SIGKILL');
      await gone;
    }
    const lock = lockFile(file, system);
    expect(lock).not.toBeNull();
    expect(lockFile(file, system)).toBeNull();
    lock!.release();
  });
}
