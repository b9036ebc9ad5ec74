/**
 * A small static server for a directory of reports, on the loopback address only. GET and HEAD; anything that is not a
 * file inside the directory (also by way of a symbolic link) is 404.
 */
import { createReadStream, realpathSync, statSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { extname, join, sep } from 'node:path';

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.md': 'text/markdown; charset=utf-8',
  '.svg': 'image/svg+xml; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
};

export type ReportServer = { readonly url: string; readonly port: number; close(): Promise<void> };

/** The real path of a request inside `root`, or undefined. */
function fileOf(root: string, requestUrl: string): string | undefined {
  try {
    const path = decodeURIComponent(new URL(requestUrl, 'http://localhost').pathname);
    if (path.includes('\0')) return undefined;
    let file = realpathSync(join(root, path));
    if (file !== root && !file.startsWith(root + sep)) return undefined;
    if (statSync(file).isDirectory()) file = realpathSync(join(file, 'index.html'));
    return file.startsWith(root + sep) && statSync(file).isFile() ? file : undefined;
  } catch {
    return undefined; // malformed or not there
  }
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' });
  response.end(`${text}\n`);
}

/** Serves `directory`; port 0 picks a free one. Rejects when the port is taken or the directory is not there. */
export function serveReports(options: { readonly directory: string; readonly port?: number }): Promise<ReportServer> {
  const root = realpathSync(options.directory);
  const server: Server = createServer((request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, 'only GET and HEAD');
    const file = fileOf(root, request.url ?? '/');
    if (file === undefined) return refuse(response, 404, 'not found');
    response.writeHead(200, {
      'content-type': contentTypes[extname(file)] ?? 'application/octet-stream',
      'content-length': statSync(file).size,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    if (request.method === 'HEAD') response.end();
    else
      createReadStream(file)
        .on('error', () => response.destroy())
        .pipe(response);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      resolve({
        url: `http://127.0.0.1:${port}/`,
        port,
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            server.closeAllConnections();
          }),
      });
    });
  });
}
