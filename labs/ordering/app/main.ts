/**
 * The consumer application as a process of its own: `node main.ts '{…}'`. Ends in order on SIGTERM; SIGKILL takes queues, threads and connections at once.
 */
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import type { ClientName } from '../../kit/drivers/driver.ts';
import { loadDriver } from '../../kit/drivers/load-driver.ts';
import { type CommitPolicyName, commitPolicy } from './commit-policies.ts';
import { ProcessJournal } from './process-journal.ts';
import { Reader, type ReaderSettings } from './reader.ts';
import { type DispatcherName, dispatcherOf } from './setup.ts';
import { openThreadWorkers } from './thread-workers.ts';

export interface ProcessSettings {
  readonly bootstrap: string;
  readonly client: ClientName;
  readonly reader: ReaderSettings;
  readonly dispatcher: DispatcherName;
  readonly policy: CommitPolicyName;
  readonly workers: number;
  readonly queueRecordsMax: number;
  readonly journal: string;
  /** Milliseconds of work, by the number of the record in its value. */
  readonly workMs: readonly number[];
}

const settings = JSON.parse(process.argv[2]!) as ProcessSettings;
const driver = await loadDriver(settings.client, realPorts(), settings.bootstrap);
const threads = await openThreadWorkers(settings.workers, {
  journal: settings.journal,
  kind: 'wait',
  amounts: settings.workMs,
  each: 1,
});
const dispatcher = dispatcherOf(settings.dispatcher, threads.workers, settings.queueRecordsMax);
const reader = new Reader(
  settings.reader,
  dispatcher,
  () => commitPolicy(settings.policy),
  new ProcessJournal(settings.journal),
);
process.on('SIGTERM', () => reader.stop());
await reader.run(driver);
await threads.close();
process.exit(0);
