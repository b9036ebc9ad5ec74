/**
 * Who changes the cluster while it works: topics that come and go, replicas that move, preferred elections; and what it says of itself at the end.
 *
 * Invariant: an answer of the controller is noted and never judged: while faults strike, a change may well be refused.
 */
import { Admin } from '@mqlab/core/client/admin/admin.ts';
import { LATEST_TIMESTAMP } from '@mqlab/core/client/consumer/timestamps.ts';
import { sleep } from '@mqlab/core/ports/clock.ts';
import { ElectLeaders } from '@mqlab/core/protocol/messages/43-elect-leaders.ts';
import { AlterPartitionReassignments } from '@mqlab/core/protocol/messages/45-alter-partition-reassignments.ts';
import type { CommitOffset } from '../../kit/drivers/driver.ts';
import type { RunContext } from '../../kit/lab.ts';
import type { AppProcess } from '../../kit/targets/target.ts';
import { GROUP, LEDGER, MAIN, PARTITIONS } from './clients.ts';
import type { Change } from './plan.ts';

export const EXTRA = 'extra';
const REPLICAS = 3;
const CHANGE_MS_MAX = 5000;
const PREFERRED = 0;
const EVERYTHING = [
  ...Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: MAIN, partition })),
  { topic: LEDGER, partition: 0 },
];

/** What is missing for everything to be whole, in words; and the committed offsets of the group. */
export interface Look {
  readonly missing: readonly string[];
  readonly committed: readonly CommitOffset[];
}

export class ClusterOperator {
  readonly #app: AppProcess;
  readonly #context: RunContext;
  readonly #admin: Admin;

  constructor(app: AppProcess, context: RunContext) {
    this.#app = app;
    this.#context = context;
    this.#admin = new Admin(app.ports, {
      'bootstrap.servers': context.target.bootstrap,
      'request.timeout.ms': 2000,
      'default.api.timeout.ms': 20_000,
    });
  }

  async makeTopics(): Promise<void> {
    await this.#admin.createTopics([
      { name: MAIN, partitions: PARTITIONS },
      { name: LEDGER, partitions: 1 },
    ]);
  }

  /** In order, each at its time or when the one before is over. */
  async change(changes: readonly Change[], brokers: number): Promise<void> {
    const { clock } = this.#app.ports;
    const began = clock.monotonic();
    for (const change of changes) {
      await sleep(clock, Math.max(0, began + change.ms - clock.monotonic()));
      const text = `${change.kind} ${change.kind === 'create' || change.kind === 'delete' ? EXTRA : change.partition}`;
      const call = this.#context.recorder.invoke(this.#app.name, { type: 'store', text });
      try {
        await Promise.race([this.#make(change, brokers), sleep(clock, CHANGE_MS_MAX)]);
        this.#context.recorder.ok(call);
      } catch (error) {
        this.#context.recorder.info(call, (error as Error).message);
      }
    }
  }

  /** Whole: led, in sync, read beyond the probe, without an open transaction. */
  async look(probed: readonly number[]): Promise<Look> {
    const ends = await this.#admin.listOffsets(EVERYTHING.map((at) => ({ ...at, timestamp: LATEST_TIMESTAMP })));
    const stable = await this.#admin.listOffsets(
      EVERYTHING.map((at) => ({ ...at, timestamp: LATEST_TIMESTAMP })),
      1,
    );
    const stored = await this.#admin.listGroupOffsets(GROUP);
    const topics = await this.#admin.describeTopics([MAIN, LEDGER]);
    const key = ({ topic, partition }: { topic: string; partition: number }): string => `${topic}-${partition}`;
    const endOf = (at: { topic: string; partition: number }): number => ends.get(key(at))?.offset ?? -1;
    const committed = EVERYTHING.flatMap((at) => {
      const offset = stored.get(key(at))?.offset;
      return offset === undefined || offset < 0 ? [] : [{ ...at, offset }];
    });
    const missing: string[] = [];
    for (const { name, partitions } of topics) {
      for (const { index, leader, isr, replicas } of partitions) {
        const isLed = leader >= 0 && isr.length === REPLICAS && replicas.length === REPLICAS;
        if (!isLed) missing.push(`${name}-${index} has leader ${leader}, replicas ${replicas}, in sync ${isr}`);
      }
    }
    for (const at of EVERYTHING) {
      const end = endOf(at);
      const stableEnd = stable.get(key(at))?.offset ?? -1;
      if (stableEnd !== end) missing.push(`${key(at)} is stable up to ${stableEnd} of ${end}`);
      const offset = committed.find((each) => key(each) === key(at))?.offset ?? 0;
      // Behind the probe there may be markers, which nobody consumes.
      if (at.topic === MAIN && offset <= probed[at.partition]!) {
        missing.push(`the group is at ${offset} of ${end} in ${key(at)}`);
      }
    }
    return { missing, committed };
  }

  close(): Promise<void> {
    return this.#admin.close();
  }

  async #make({ kind, partition, shift }: Change, brokers: number): Promise<void> {
    const { calls } = this.#admin;
    switch (kind) {
      case 'create':
        await this.#admin.createTopics([{ name: EXTRA, partitions: 2 }]);
        void this.#writeTo(EXTRA);
        return;
      case 'delete':
        return this.#admin.deleteTopics([EXTRA]);
      case 'elect':
        await calls.atController(ElectLeaders, {
          electionType: PREFERRED,
          topicPartitions: [{ topic: MAIN, partitions: [partition] }],
          timeoutMs: 1000,
        });
        return;
      case 'reassign': {
        const replicas = Array.from({ length: REPLICAS }, (_, i) => ((shift + i) % brokers) + 1);
        await calls.atController(AlterPartitionReassignments, {
          timeoutMs: 1000,
          topics: [{ name: MAIN, partitions: [{ partitionIndex: partition, replicas }] }],
        });
        return;
      }
    }
  }

  async #writeTo(topic: string): Promise<void> {
    const driver = this.#app.client(this.#context.client);
    const producer = await driver.producer({ acks: -1, requestTimeoutMs: 1000 });
    for (let i = 0; i < 4; i++) void producer.send({ topic, partition: i % 2, key: null, value: `e${i}` });
    await producer.flush();
    await producer.close();
  }
}
