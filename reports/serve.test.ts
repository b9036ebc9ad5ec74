/** The report server: files of its directory and nothing else. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { serveReports } from './serve.ts';

/** A request as written, for `fetch` would tidy the path. */
function raw(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    });
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('end', () => resolve(answer));
    socket.on('error', reject);
  });
}

test('serves its directory and refuses everything else', async () => {
  const base = mkdtempSync(join(tmpdir(), 'mqlab-serve-'));
  const directory = join(base, 'out');
  mkdirSync(join(directory, 'charts'), { recursive: true });
  mkdirSync(join(base, 'out-secret'));
  writeFileSync(join(directory, 'index.html'), '<p>page</p>');
  writeFileSync(join(directory, 'charts', 'a.svg'), '<svg/>');
  writeFileSync(join(base, 'secret.txt'), 'secret');
  writeFileSync(join(base, 'out-secret', 'x.txt'), 'secret');
  symlinkSync(join(base, 'secret.txt'), join(directory, 'link.txt'));
  const server = await serveReports({ directory, port: 0 });
  try {
    expect(server.url).toBe(`http://127.0.0.1:${server.port}/`);
    const page = await fetch(server.url);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(await page.text()).toBe('<p>page</p>');
    expect((await fetch(`${server.url}charts/a.svg?x=1`)).headers.get('content-type')).toContain('image/svg+xml');
    expect((await fetch(server.url, { method: 'HEAD' })).status).toBe(200);
    expect((await fetch(server.url, { method: 'POST' })).status).toBe(405);
    for (const path of [
      '/nope',
      '/charts/',
      '/../secret.txt',
      '/%2e%2e/secret.txt',
      '/..%2fsecret.txt',
      '/../out-secret/x.txt',
      '/link.txt',
      '/%00',
      '/%zz',
      '//etc/passwd',
    ]) {
      const answer = await raw(server.port, path);
      expect(answer.split('\r\n')[0], path).toMatch(/ 404 /);
      expect(answer, path).not.toContain('secret');
    }
  } finally {
    await server.close();
    rmSync(base, { recursive: true });
  }
});
