/**
 * The picture of a partition while transactions come and go: the high watermark rises with every record, the last stable offset waits for the first open
 * transaction. One run in the simulator: a commit, an abort, and a producer that dies with its transaction open.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { AxisMark, LineChart } from '@mqlab/reports/chart-spec.ts';
import type { Figure } from '@mqlab/reports/run-data.ts';
import type { FigureContext } from '../kit/lab.ts';
import { Operator } from './operator.ts';
import { BROKER_SETTINGS } from './scenarios.ts';

const TOPIC = 'results';
const TIMEOUT_MS = 120;
const CLEANUP_MS = 20;
const SAMPLE_MS = 2;
const STEP_MS = 8;

export async function stableOffset(context: FigureContext): Promise<{
  readonly charts: Record<string, LineChart>;
  readonly figures: Record<string, Figure>;
}> {
  const target = await context.open('sim', {
    ...BROKER_SETTINGS,
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': String(CLEANUP_MS),
  });
  const watermarks: [number, number][] = [];
  const stable: [number, number][] = [];
  const marks: AxisMark[] = [];
  let stalledMs = 0;
  let hidden = 0;
  try {
    await target.run(async () => {
      const { clock } = target;
      const driver = target.app('writer').client('mqlab');
      const admin = await driver.admin();
      await admin.createTopic(TOPIC, 1);
      const operator = await Operator.connect(target.app('operator').ports, target.bootstrap);
      const plain = await driver.producer({ lingerMs: 0 });
      const first = await driver.transactional({ transactionalId: 'a', lingerMs: 0 });
      const doomed = target.app('doomed');
      const second = await doomed.client('mqlab').transactional({
        transactionalId: 'b',
        transactionTimeoutMs: TIMEOUT_MS,
        lingerMs: 0,
      });
      const began = clock.monotonic();
      const now = (): number => Math.round((clock.monotonic() - began) * 10) / 10;
      let isOver = false;
      const sampling = (async () => {
        while (!isOver) {
          const { highWatermark, lastStable } = await operator.ends(TOPIC, 0);
          watermarks.push([now(), highWatermark]);
          stable.push([now(), lastStable]);
          await sleep(clock, SAMPLE_MS);
        }
      })();
      const mark = (label: string, tone?: AxisMark['tone']): void => {
        marks.push({ at: now(), label, ...(tone === undefined ? {} : { tone }) });
      };
      let values = 0;
      const write = async (to: { send: typeof plain.send }, count: number): Promise<void> => {
        for (let i = 0; i < count; i++) {
          await to.send({ topic: TOPIC, partition: 0, key: null, value: `v${values++}` });
          await sleep(clock, STEP_MS);
        }
      };
      await write(plain, 2);
      mark('a begins');
      await first.begin();
      await write(first, 2);
      await write(plain, 2);
      await first.commit();
      mark('a commits', 'good');
      await write(plain, 2);
      mark('a begins');
      await first.begin();
      await write(first, 2);
      await write(plain, 1);
      await first.abort();
      mark('a aborts', 'warn');
      await write(plain, 2);
      mark('b begins');
      await second.begin();
      await write(second, 2);
      mark('b dies', 'bad');
      target.crashApp('doomed');
      const diedAt = now();
      while (true) {
        await write(plain, 1);
        const { highWatermark, lastStable } = await operator.ends(TOPIC, 0);
        hidden = Math.max(hidden, highWatermark - lastStable);
        if (lastStable === highWatermark) break;
      }
      mark('time-out aborts b', 'warn');
      stalledMs = now() - diedAt;
      await write(plain, 2);
      isOver = true;
      await sampling;
      operator.close();
      await plain.close();
      await first.close();
      await admin.close();
    });
  } finally {
    await target.close();
  }
  const source = `a run in the simulator, virtual time, transaction.timeout.ms=${TIMEOUT_MS}`;
  return {
    figures: {
      'stable.stalled': { value: stalledMs, unit: 'ms', label: 'measured', source },
      'stable.timeout': { value: TIMEOUT_MS, unit: 'ms', label: 'given', source: "the lab's setting for this picture" },
      'stable.hidden': {
        value: hidden,
        unit: 'count',
        label: 'measured',
        source: 'most offsets between last stable offset and high watermark in that run, control records included',
      },
    },
    charts: {
      'stable-offset': {
        type: 'line',
        title: 'What read_committed sees ends at the first open transaction',
        caption:
          'Where the two lines part, records stand in the log that a reader of committed ones does not get, also those of others that are in no transaction. A commit or abort closes the gap at once; a dead producer leaves it open until its time is over.',
        source,
        x: { name: 'time', unit: 'ms' },
        y: { name: 'offset', unit: '' },
        series: [
          { name: 'high watermark', points: watermarks, step: true },
          { name: 'last stable offset', points: stable, step: true },
        ],
        marks,
      },
    },
  };
}
