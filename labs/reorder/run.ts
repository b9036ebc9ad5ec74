/**
 * One run: departures sent one after the other without waiting, a link that fails meanwhile, and at the end the log as it stands.
 *
 * Invariant: the application sends each record once and in order; what is sent again, and in which order, is the client's doing alone.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { ClientDriver, OutgoingRecord, ProducerDriver, ProducerSettings } from '../kit/drivers/driver.ts';
import { finalRead, healAll } from '../kit/finish-run.ts';
import { flightsOf } from '../kit/flights.ts';
import type { Recorder } from '../kit/history.ts';
import type { RunContext } from '../kit/lab.ts';
import { freshTopic, whenInSync } from '../kit/send-flights.ts';
import type { AppProcess, Target } from '../kit/targets/target.ts';
import { type Sender, withoutWaiting } from './app/senders.ts';
import { LinkFaults } from './link-faults.ts';
import type { ReorderPlan } from './plan.ts';

export const TOPIC = 'flights';
/** The records of a plan go to the first one; the connection is opened with one to the other. */
const PARTITIONS = 2;
const PRODUCER = 'p1';

export const BROKERS = 3;
/** Three brokers, and a controller of its own that no fault hits; sessions are short, so that a dead leader is replaced soon. */
export const CLUSTER_SETTINGS: Readonly<Record<string, string>> = {
  'broker.session.timeout.ms': '1000',
  'broker.heartbeat.interval.ms': '250',
  'replica.fetch.wait.max.ms': '100',
  'replica.fetch.backoff.ms': '100',
  'auto.leader.rebalance.enable': 'false',
};
const CLUSTER_SHAPE = { replicas: BROKERS, configs: { 'min.insync.replicas': '2' } } as const;

/** A batch leaves when the sender can send it, as before Kafka 4.0: the disorder is the same with a linger, in larger pieces. */
const LINGER_MS = 0;

/** How the application sends: with which producer, and whether it waits for answers. */
export interface SendWay {
  readonly open: (driver: ClientDriver, app: AppProcess) => Promise<ProducerDriver>;
  readonly sender: Sender;
}

/** The client's own defaults, but for these. */
export function clientWay(settings: ProducerSettings, sender = withoutWaiting): SendWay {
  return { open: (driver) => driver.producer({ lingerMs: LINGER_MS, ...settings }), sender };
}

export async function runReorder(plan: ReorderPlan, context: RunContext, way: SendWay): Promise<void> {
  const { target, recorder, client, input } = context;
  const admin = await target.app('operator').client('mqlab').admin();
  await freshTopic(admin, context, TOPIC, PARTITIONS, target.nodes.length > 1 ? CLUSTER_SHAPE : {});
  await whenWhole(target);
  const app = target.app(PRODUCER);
  const producer = await way.open(app.client(client), app);
  // Connection, metadata and producer id are there before the first fault.
  const recorded = recordSends(producer, recorder);
  await recorded.send({ topic: TOPIC, partition: 1, key: null, value: 'hello' });
  const faults = new LinkFaults(plan.faults, { target, recorder, app: PRODUCER, topic: TOPIC });
  const records = async function* (): AsyncGenerator<OutgoingRecord> {
    for (const [at, { key, value }] of flightsOf(plan.records, input).entries()) {
      if (at > 0) await sleep(target.clock, plan.gapMs);
      faults.step();
      yield { topic: TOPIC, partition: 0, key, value };
    }
  };
  await way.sender(recorded, records());
  // Each fault ends by itself, so every send gets its answer.
  await faults.done();
  await healAll(target, recorder);
  await whenWhole(target);
  await producer.close();
  // Who reads the log at the end makes no difference to it: the client that needs no group for it.
  await finalRead(target, recorder, [TOPIC], { client: 'mqlab' });
  await admin.close();
}

/** With several brokers: every replica is in sync. */
async function whenWhole(target: Target): Promise<void> {
  if (target.nodes.length === 1) return;
  for (let partition = 0; partition < PARTITIONS; partition++) await whenInSync(target, TOPIC, partition);
}

function recordSends(producer: ProducerDriver, recorder: Recorder): Pick<ProducerDriver, 'send'> {
  return {
    send: async (record) => {
      const { topic, key, value } = record;
      const call = recorder.invoke(PRODUCER, { type: 'send', topic, key, value });
      const answer = await producer.send(record);
      if (answer.outcome !== 'ok') recorder[answer.outcome](call, answer.error);
      else {
        const { partition, offset } = answer;
        recorder.ok(call, { type: 'send', topic, partition, key, value, ...(offset === undefined ? {} : { offset }) });
      }
      return answer;
    },
  };
}
