/**
 * What the cure costs where it is paid: a dispatcher forwards a full topic, by turn without headers or by key with them.
 *
 * Invariant: same records, same client settings (acks=all, idempotent), nothing else running in between. Latency is from the send of a record to its acknowledgement.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { InputRecord } from '../../kit/input.ts';
import type { Target } from '../../kit/targets/target.ts';
import { dispatchByKey } from '../app/keyed-dispatcher.ts';
import { dispatchRoundRobin } from '../app/round-robin-dispatcher.ts';
import { FACTOR } from './drain-curve.ts';

export interface DispatchCost {
  readonly recordsPerSecond: number;
  readonly p99Ms: number;
}

export async function measureDispatch(
  target: Target,
  settings: {
    readonly isByKey: boolean;
    readonly records: number;
    readonly input: readonly InputRecord[];
    readonly name: string;
  },
): Promise<DispatchCost> {
  const { isByKey, records, input, name } = settings;
  const { clock } = target;
  const [source, temporary] = [`${name}-source`, `${name}-drain`];
  const admin = await target.app('operator').client('mqlab').admin();
  await admin.createTopic(source, 1);
  await admin.createTopic(temporary, FACTOR);
  await admin.close();
  const producer = await target.app('p1').client('mqlab').producer();
  await Promise.all(
    Array.from({ length: records }, (_, at) => producer.send({ topic: source, ...input[at % input.length]! })),
  );
  await producer.close();
  const latencies: number[] = [];
  let first = 0;
  let last = 0;
  const client = target.app('d1').client('mqlab');
  const env = {
    client: {
      ...client,
      producer: async (given?: Parameters<typeof client.producer>[0]) => {
        const inner = await client.producer(given);
        return {
          ...inner,
          send: async (record: Parameters<typeof inner.send>[0]) => {
            const sent = clock.monotonic();
            if (first === 0) first = sent;
            const answer = await inner.send(record);
            last = clock.monotonic();
            latencies.push(last - sent);
            return answer;
          },
        };
      },
    },
    wait: (ms: number) => sleep(clock, ms),
    step: async () => {},
    get isStopping() {
      return latencies.length >= records;
    },
  };
  const from = { topic: source, group: `${name}-group`, pollMs: 50 };
  const to = { topic: temporary, partitions: FACTOR };
  await (isByKey ? dispatchByKey : dispatchRoundRobin)(env, from, to);
  latencies.sort((a, b) => a - b);
  return {
    recordsPerSecond: (records / Math.max(1e-3, last - first)) * 1000,
    p99Ms: latencies[Math.floor(latencies.length * 0.99)]!,
  };
}
