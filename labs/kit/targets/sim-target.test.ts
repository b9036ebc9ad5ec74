import { expect, test } from 'vitest';
import { LOG_CHECKS } from '../checkers/all-checks.ts';
import { applyChecks } from '../checkers/check.ts';
import { finalRead, healAll } from '../finish-run.ts';
import { Recorder } from '../history.ts';
import { historyHash } from '../history-text.ts';
import { openSimTarget } from './sim-target.ts';

async function run(seed: number): Promise<{ hash: string; violations: string[]; read: number }> {
  const target = await openSimTarget({ seed });
  try {
    const recorder = new Recorder(() => target.clock.monotonic());
    await target.run(async () => {
      const app = target.app('p1');
      const client = app.client('mqlab');
      const admin = await client.admin();
      await admin.createTopic('t', 2);
      const producer = await client.producer();
      for (let at = 0; at < 20; at++) {
        const record = { topic: 't', key: `k${at % 3}`, value: `v${at}` };
        const call = recorder.invoke('p1', { type: 'send', ...record });
        if (at === 10) await target.killBroker();
        if (at === 10) await target.startBroker();
        const answer = await producer.send(record);
        if (answer.outcome === 'ok') {
          recorder.ok(call, {
            type: 'send',
            ...record,
            partition: answer.partition,
            ...(answer.offset === undefined ? {} : { offset: answer.offset }),
          });
        } else recorder[answer.outcome](call, answer.error);
      }
      await producer.close();
      await healAll(target, recorder);
      await finalRead(target, recorder, ['t'], { client: 'mqlab' });
    });
    const results = applyChecks(LOG_CHECKS, recorder);
    const read = recorder.operations.flatMap(({ data }) => (data.type === 'final-read' ? data.records : [])).length;
    return {
      hash: historyHash(recorder),
      violations: results.filter((r) => r.status === 'invalid').map((r) => r.checker),
      read,
    };
  } finally {
    await target.close();
  }
}

test('a broker that is killed in mid-stream loses nothing, and one seed gives one history', async () => {
  const once = await run(5);
  expect(once).toMatchObject({ violations: [], read: 20 });
  expect((await run(5)).hash).toBe(once.hash);
  expect((await run(6)).hash).not.toBe(once.hash);
});

test('a broker that is asked to start twice, and killed while it starts, runs once', async () => {
  const target = await openSimTarget({ seed: 1 });
  try {
    await target.run(async () => {
      await target.killBroker();
      const starting = target.startBroker();
      await Promise.all([starting, target.startBroker()]);
      await target.killBroker();
      void target.startBroker();
      await target.killBroker();
      await target.startBroker();
      const admin = await target.app('p1').client('mqlab').admin();
      await admin.createTopic('t', 1);
    });
  } finally {
    await target.close();
  }
});
