/**
 * The serving side of the transfer benchmark, a process of its own: for each request byte it sends one file through the real network port,
 * by sendfile or by copy as the environment's MQLAB_SENDFILE says, and tells its parent what that cost.
 *
 * Arguments: FILE REQUEST_SLICE_BYTES. Messages to the parent: `{ port }` once, then one `Usage` for each `usage` that it is asked for.
 */
import { FileSlice } from '@mqlab/core/ports/files.ts';
import { realFiles } from '@mqlab/core/ports/real/files.ts';
import { realNetwork } from '@mqlab/core/ports/real/network.ts';

export interface Usage {
  /** User and system time of this process so far, microseconds. */
  readonly cpuMicros: number;
  readonly bytesBySendfile: number;
  readonly bytesByCopy: number;
}

const [path, sliceText] = process.argv.slice(2) as [string, string];
const sliceBytes = Number(sliceText);
const file = realFiles().open(path, 'read');
const network = realNetwork();

const listener = await network.listen({ host: '127.0.0.1', port: 0 }, (connection) => {
  connection.start({
    onData(chunk) {
      for (let request = 0; request < chunk.length; request++) {
        for (let position = 0; position < file.size; position += sliceBytes) {
          connection.send([new FileSlice(file, position, Math.min(sliceBytes, file.size - position))]);
        }
      }
    },
    onClose() {},
  });
});

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  const usage: Usage = {
    cpuMicros: user + system,
    bytesBySendfile: network.metrics.bytesSentBySendfile,
    bytesByCopy: network.metrics.bytesSentByCopy,
  };
  process.send?.(usage);
});
process.on('disconnect', () => process.exit(0));
process.send?.({ port: listener.address.port });
