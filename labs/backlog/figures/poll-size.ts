/**
 * Larger fetches: one consumer that commits after each poll, with more and more records to a poll, once with work and once with hardly any.
 *
 * Invariant: the same records, the same consumer; only max.poll.records differs. A poll costs a fixed time (its commit is a round trip), so larger polls help
 * exactly as far as that time, and not the work, is what the consumer spends its time on.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { InputRecord } from '../../kit/input.ts';
import type { Target } from '../../kit/targets/target.ts';
import { consume } from '../app/consumer.ts';

export const POLL_SIZES: readonly number[] = [1, 10, 500];

export interface PollSizeSettings {
  readonly maxPollRecords: number;
  readonly workMs: number;
  readonly records: number;
  readonly input: readonly InputRecord[];
  readonly name: string;
}

/** Records a second, from the first record to the last commit. */
export async function measurePollSize(target: Target, settings: PollSizeSettings): Promise<number> {
  const { maxPollRecords, workMs, records, input, name } = settings;
  const { clock } = target;
  const admin = await target.app('operator').client('mqlab').admin();
  await admin.createTopic(name, 1);
  await admin.close();
  const producer = await target.app('p1').client('mqlab').producer();
  await Promise.all(
    Array.from({ length: records }, (_, at) => producer.send({ topic: name, ...input[at % input.length]! })),
  );
  await producer.close();
  let effects = 0;
  let first = 0;
  let last = 0;
  const env = {
    client: target.app('c0').client('mqlab'),
    wait: (ms: number) => sleep(clock, ms),
    step: async () => {},
    get isStopping() {
      if (effects < records) return false;
      last ||= clock.monotonic();
      return true;
    },
  };
  await consume(env, { topic: name, group: `${name}-group`, pollMs: 100, maxPollRecords }, async () => {
    if (effects === 0) first = clock.monotonic();
    if (workMs > 0) await env.wait(workMs);
    effects++;
  });
  return (records / Math.max(1e-3, last - first)) * 1000;
}
