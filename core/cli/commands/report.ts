import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { UsageError, wholeNumber } from '../usage-error.ts';
import { REPORTS_OUT } from './lab.ts';

/** `mqlab report build` renders run data anew; `mqlab report serve` opens the page that is there. */
export function reportCommand(): Command {
  const report = new Command('report').description('the study reports');
  report
    .command('build')
    .description('render the run data under DIR/data again')
    .option('--out <dir>', 'where reports are', REPORTS_OUT)
    .action(async ({ out }: { out: string }) => {
      const { buildReports } = await import('@mqlab/reports/index.ts');
      const data = join(out, 'data');
      if (!existsSync(data)) throw new UsageError(`no run data in ${data}: run \`mqlab lab run --all\` first`);
      const files = buildReports({ runDataDir: data, outDir: out });
      console.log(`${files.length} files written; read ${join(out, 'index.html')}`);
    });
  report
    .command('serve')
    .description('serve the page on this machine')
    .option('--out <dir>', 'where reports are', REPORTS_OUT)
    .option('--port <n>', '0 picks a free one', '8080')
    .action(async ({ out, port }: { out: string; port: string }) => {
      const { serveReports } = await import('@mqlab/reports/index.ts');
      if (!existsSync(join(out, 'index.html')))
        throw new UsageError(`no page in ${out}: run \`mqlab lab run --all\` first`);
      const server = await serveReports({ directory: out, port: wholeNumber('--port', port, 0, 65_535) });
      console.log(`ready ${server.url}`);
      const stop = (): void => void server.close().then(() => process.exit(0));
      process.once('SIGINT', stop);
      process.once('SIGTERM', stop);
    });
  return report;
}
