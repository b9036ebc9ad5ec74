/**
 * The leader killed under load, three brokers, 1,000 partitions: how long the slowest partition of each kill took no writes, beyond the session timeout. The
 * campaign itself is `core/test/failover/run.ts`.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FAILOVER } from '../goals.ts';
import { only, type Part } from '../part.ts';
import { runNode } from './own-process.ts';

const SESSION_MS = 3_000;
const MINUTES = { full: 1.5, quick: 0.1 };
const PARTITIONS = { full: 1_000, quick: 6 };
const CAMPAIGN_MS_MAX = 300_000;

interface Campaigns {
  readonly campaigns: readonly { readonly kills: readonly { readonly gapsMs: readonly number[] }[] }[];
}

export const failover: Part = {
  name: 'failover',
  about: 'the leader killed under load',
  async run({ systems, isQuick, recorder, failures, progress }) {
    const size = isQuick ? 'quick' : 'full';
    const [mqlab] = only(systems, 'mqlab');
    const directory = mkdtempSync(join(tmpdir(), 'mqlab-goals-'));
    const out = join(directory, 'failover.json');
    progress(`${FAILOVER}: ${MINUTES[size]} minutes of kills, ${PARTITIONS[size]} partitions`);
    try {
      const result = await runNode(
        [
          fileURLToPath(import.meta.resolve('@mqlab/core/test/failover/run.ts')),
          ...['--minutes', String(MINUTES[size]), '--times', '1', '--load', 'own'],
          ...['--partitions', String(PARTITIONS[size]), '--session', String(SESSION_MS), '--out', out],
        ],
        CAMPAIGN_MS_MAX,
      );
      if (!existsSync(out)) throw new Error(`no data of the campaign: ${result.stderr.trim().slice(-500)}`);
      const beyond = beyondSession(readFileSync(out, 'utf8'), SESSION_MS);
      const metric = 'acknowledged again beyond the session timeout';
      for (const [kill, ms] of beyond.entries()) recorder.add('Failover', FAILOVER, metric, mqlab!, kill, ms);
      if (result.code !== 0) failures.push(`${FAILOVER}: the campaign found a fault: ${result.stdout.slice(-500)}`);
    } catch (error) {
      failures.push(`${FAILOVER}: ${(error as Error).message}`);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

/** Of each kill the slowest partition, as milliseconds beyond the session timeout; below 0 when the controller knew before it ran out. */
export function beyondSession(text: string, sessionMs: number): number[] {
  const { campaigns } = JSON.parse(text) as Campaigns;
  return campaigns
    .flatMap(({ kills }) => kills)
    .filter(({ gapsMs }) => gapsMs.length > 0)
    .map(({ gapsMs }) => Math.max(...gapsMs) - sessionMs);
}
