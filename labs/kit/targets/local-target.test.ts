import { expect, test } from 'vitest';
import { LOG_CHECKS } from '../checkers/all-checks.ts';
import { applyChecks } from '../checkers/check.ts';
import { CLIENT_NAMES, type ClientName } from '../drivers/driver.ts';
import { finalRead, healAll } from '../finish-run.ts';
import { Recorder } from '../history.ts';
import { openLocalTarget } from './local-target.ts';

const RECORDS = 10;

async function run(clientName: ClientName): Promise<{ violations: string[]; read: number; polled: number }> {
  const target = await openLocalTarget({ seed: 1, broker: { 'group.initial.rebalance.delay.ms': '0' } });
  try {
    const recorder = new Recorder(() => target.clock.monotonic());
    let polled = 0;
    await target.run(async () => {
      const client = target.app('p1').client(clientName);
      const admin = await client.admin();
      await admin.createTopic('t', 2);
      await admin.close();
      const producer = await client.producer();
      for (let at = 0; at < RECORDS; at++) {
        const record = { topic: 't', key: `k${at % 3}`, value: `v${at}` };
        const call = recorder.invoke('p1', { type: 'send', ...record });
        if (at === RECORDS / 2) {
          await target.killBroker();
          await target.startBroker();
        }
        const answer = await producer.send(record);
        if (answer.outcome === 'ok') {
          const offset = answer.offset === undefined ? {} : { offset: answer.offset };
          recorder.ok(call, { type: 'send', ...record, partition: answer.partition, ...offset });
        } else recorder[answer.outcome](call, answer.error);
      }
      await producer.close();
      const consumer = await target
        .app('c1')
        .client(clientName)
        .consumer({ group: 'g', topics: ['t'], fromBeginning: true });
      const deadline = target.clock.monotonic() + 15_000;
      while (polled < RECORDS - 1 && target.clock.monotonic() < deadline) polled += (await consumer.poll(200)).length;
      await consumer.close();
      await healAll(target, recorder);
      await finalRead(target, recorder, ['t'], { client: 'mqlab' });
    });
    const results = applyChecks(LOG_CHECKS, recorder);
    const read = recorder.operations.flatMap(({ data }) => (data.type === 'final-read' ? data.records : [])).length;
    return {
      violations: results.filter((each) => each.status === 'invalid').map((each) => each.checker),
      read,
      polled,
    };
  } finally {
    await target.close();
  }
}

test.each(CLIENT_NAMES)(
  'real processes, client %s: a broker that is killed and comes back loses nothing',
  async (client) => {
    const { violations, read, polled } = await run(client);
    expect(violations).toEqual([]);
    expect(read).toBeGreaterThanOrEqual(RECORDS - 1);
    expect(polled).toBeGreaterThanOrEqual(RECORDS - 1);
  },
);
