/**
 * What the controllers are needed for (C47): three of them beside three brokers; one is killed, then a second, while a producer goes on and a leader dies.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { Figure, Table } from '@mqlab/reports/run-data.ts';
import type { Target } from '../../kit/targets/target.ts';
import { connect, type Shape, stateOf, topicOn, until } from './cluster.ts';

const TOPIC = 'quorum';
const SENDS = 20;
const EVERY_MS = 20;
/** Sessions that pass while it is looked whether somebody is elected. */
const SESSIONS = 5;

interface Stage {
  readonly title: string;
  readonly controller: string;
  readonly written: number;
  readonly topicMade: boolean;
  /** Of the partition whose leader was killed. */
  readonly elected: boolean;
}

export interface Quorum {
  readonly table: Table;
  readonly figures: Readonly<Record<string, Figure>>;
  readonly isSo: boolean;
}

export async function measureQuorum(target: Target, sessionMs: number): Promise<Quorum> {
  const shape = connect(target, 'quorum');
  await topicOn(shape, target, TOPIC, [
    [1, 2, 3],
    [2, 3, 1],
  ]);
  const controllers = target.nodes.filter(({ isController }) => isController).map(({ id }) => id);
  const stages: Stage[] = [];
  stages.push(await stage('all three controllers', shape, target, sessionMs, 1));
  const active = await target.controller();
  const lostAt = target.clock.monotonic();
  await target.killBroker(active!);
  await until(target, async () => ![null, active].includes(await target.controller()));
  const handedOverMs = Math.round(target.clock.monotonic() - lostAt);
  stages.push(await stage('one controller lost, the active one', shape, target, sessionMs, 1));
  const second = controllers.find((id) => id !== active)!;
  await target.killBroker(second);
  stages.push(await stage('two controllers lost', shape, target, sessionMs, 1));
  const backAt = target.clock.monotonic();
  await target.startBroker(second);
  await until(target, async () => (await target.controller()) !== null);
  const backMs = Math.round(target.clock.monotonic() - backAt);
  stages.push(await stage('one of them back', shape, target, sessionMs, 1));
  await shape.admin.close();
  const [whole, minority, majority, again] = stages;
  const isSo =
    [whole!, minority!, again!].every((each) => each.elected && each.topicMade && each.written === SENDS) &&
    majority!.written === SENDS &&
    !majority!.elected &&
    !majority!.topicMade;
  const source = 'simulator, virtual time, three controllers beside three brokers';
  const ms = (value: number): Figure => ({ value, unit: 'ms', label: 'measured', source });
  return {
    isSo,
    figures: {
      'quorum.handover': ms(handedOverMs),
      'quorum.back': ms(backMs),
      'quorum.written': { value: majority!.written, unit: 'count', label: 'measured', source },
      'quorum.sends': { value: SENDS, unit: 'count', label: 'given', source: 'sends in each stage' },
    },
    table: {
      title: 'What a lost controller costs',
      columns: [
        { name: 'stage' },
        { name: 'active controller' },
        { name: `writes acknowledged of ${SENDS}`, align: 'right' },
        { name: 'a topic can be made' },
        { name: 'a dead leader is replaced' },
      ],
      rows: stages.map(({ title, controller, written, topicMade, elected }) => [
        title,
        controller,
        written,
        { text: topicMade ? 'yes' : 'no', tone: topicMade ? 'good' : 'bad' },
        { text: elected ? 'yes' : 'no', tone: elected ? 'good' : 'bad' },
      ]),
      note: 'Partition 0 is written to, with acks=all, while the leader of partition 1 is killed and started again.',
    },
  };
}

/** Writes to partition 0 while the broker that leads partition 1 dies. */
async function stage(title: string, shape: Shape, target: Target, sessionMs: number, other: number): Promise<Stage> {
  const { clock } = target;
  const controller = await target.controller();
  const { app } = shape;
  const producer = await app.client('mqlab').producer({ acks: -1, lingerMs: 0, requestTimeoutMs: 2000 });
  let written = 0;
  for (let i = 0; i < SENDS; i++) {
    const answer = await producer.send({ topic: TOPIC, partition: 0, key: null, value: `v${i}` });
    if (answer.outcome === 'ok') written++;
    await sleep(clock, EVERY_MS);
  }
  await producer.close();
  const topicMade = await Promise.race([
    shape.admin.createTopics([{ name: `made-${title.length}-${Math.round(clock.monotonic())}`, partitions: 1 }]).then(
      () => true,
      () => false,
    ),
    sleep(clock, SESSIONS * sessionMs).then(() => false),
  ]);
  const before = await stateOf(target, TOPIC, other);
  await target.killBroker(before.leader!);
  const elected = await until(
    target,
    async () => {
      const now = await target.partitionOf(TOPIC, other);
      return now !== null && now.leader !== null && now.leader !== before.leader;
    },
    SESSIONS * sessionMs,
  ).then(
    () => true,
    () => false,
  );
  // Without a quorum nobody lets it in again: nobody waits for it here.
  void target.startBroker(before.leader!);
  if (controller !== null) {
    await until(target, async () => {
      const states = await Promise.all([0, 1].map((at) => stateOf(target, TOPIC, at).catch(() => null)));
      return states.every((state) => state?.leader !== null && state?.inSyncReplicas.length === 3);
    });
  }
  return { title, controller: controller === null ? 'none' : `node ${controller}`, written, topicMade, elected };
}
