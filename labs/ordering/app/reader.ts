/**
 * The one reader: polls, hands over to a dispatcher, pauses while a queue is full, commits what its policy allows, and gives partitions up in order.
 *
 * Invariants: at most one poll's records wait outside the queues; while they do, the partitions are paused and polling goes on, so the member stays in its
 * group; one commit at a time, and commits of a partition never go back; before a partition is given up, what no worker has begun is forgotten, what is in work
 * is waited for, and the policy's offset is committed.
 *
 * Left to others: which worker (`thread-pool.ts`, `keyed-queues.ts`), what may be committed (`commit-policies.ts`), what the work is (`worker.ts`).
 */
import type { ClientDriver, ConsumerDriver } from '../../kit/drivers/driver.ts';
import { partitionName, type SeenRecord, type TopicPartition } from '../../kit/history.ts';
import type { CommitPolicy } from './commit-policies.ts';
import type { Journal } from './journal.ts';
import type { Dispatcher, Job } from './worker.ts';

export interface ReaderSettings {
  readonly group: string;
  readonly topic: string;
  readonly pollRecordsMax: number;
  readonly pollWaitMs: number;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** Tells the store who owns the partition now, so that it can refuse the one before. */
  readonly fence?: (partition: number, generation: number) => void;
}

interface Owned {
  readonly at: TopicPartition;
  readonly policy: CommitPolicy;
  committed: number;
}

export class Reader {
  readonly #settings: ReaderSettings;
  readonly #dispatcher: Dispatcher;
  readonly #newPolicy: () => CommitPolicy;
  readonly #journal: Journal;
  readonly #owned = new Map<string, Owned>();
  /** Polled, and without room in its queue yet: in the order of the log. */
  #waiting: Job[] = [];
  #generation = -1;
  #consumer: ConsumerDriver | null = null;
  #paused: readonly TopicPartition[] = [];
  #stopping = false;

  constructor(settings: ReaderSettings, dispatcher: Dispatcher, newPolicy: () => CommitPolicy, journal: Journal) {
    this.#settings = settings;
    this.#dispatcher = dispatcher;
    this.#newPolicy = newPolicy;
    this.#journal = journal;
    dispatcher.onFinished = (job, result) => {
      // A record that the store refused to this consumer, or of a partition that was given up meanwhile, is not finished here: the watermark stops below it.
      const isMine = result === 'done' && job.generation === this.#generation;
      if (isMine) this.#policyOf(job)?.policy.finished(job.offset);
      this.#feed();
    };
  }

  /** Runs until `stop`. */
  async run(client: ClientDriver): Promise<void> {
    const { group, topic, pollRecordsMax, pollWaitMs, sessionTimeoutMs, heartbeatIntervalMs } = this.#settings;
    const consumer = await client.consumer({
      group,
      topics: [topic],
      fromBeginning: true,
      autoCommit: false,
      maxPollRecords: pollRecordsMax,
      sessionTimeoutMs,
      heartbeatIntervalMs,
      onAssigned: (partitions, generation) => this.#assigned(partitions, generation),
      onRevoked: (partitions, generation) => this.#revoked(partitions, generation),
    });
    this.#consumer = consumer;
    while (!this.#stopping) {
      const records = await consumer.poll(pollWaitMs);
      if (records.length > 0) this.#take(records);
      await this.#commit();
    }
    await consumer.close();
  }

  stop(): void {
    this.#stopping = true;
  }

  // #excerpt back-pressure
  #take(records: readonly SeenRecord[]): void {
    this.#journal.polled(records);
    for (const { topic, partition, offset, key, value } of records) {
      this.#policyOf({ topic, partition })?.policy.polled(offset);
      this.#waiting.push({ topic, partition, offset, key, value, generation: this.#generation });
    }
    this.#feed();
  }

  /** In the order of the log: a record whose queue is full holds back those behind it, and the partitions are paused. */
  #feed(): void {
    while (this.#waiting.length > 0 && this.#dispatcher.hasRoom(this.#waiting[0]!.key)) {
      this.#dispatcher.dispatch(this.#waiting.shift()!);
    }
    const isFull = this.#waiting.length > 0;
    if (isFull && this.#paused.length === 0) {
      this.#paused = [...this.#owned.values()].map(({ at }) => at);
      this.#consumer?.pause(this.#paused);
      this.#journal.reach('queue full, partition paused');
    } else if (!isFull && this.#paused.length > 0) {
      this.#consumer?.resume(this.#paused);
      this.#paused = [];
    }
  }
  // #end

  async #commit(): Promise<void> {
    for (const owned of this.#owned.values()) {
      const offset = owned.policy.committable;
      if (offset === null || offset <= owned.committed) continue;
      const ended = this.#journal.committing({ ...owned.at, offset }, this.#generation);
      const answer = await this.#consumer!.commit([{ ...owned.at, offset }]);
      ended(answer);
      if (answer.outcome === 'ok') owned.committed = offset;
    }
  }

  #assigned(partitions: readonly TopicPartition[], generation: number): void {
    this.#generation = generation;
    for (const at of partitions) {
      this.#settings.fence?.(at.partition, generation);
      this.#owned.set(partitionName(at.topic, at.partition), { at, policy: this.#newPolicy(), committed: -1 });
    }
    this.#journal.assigned(partitions, generation);
  }

  // #excerpt give-up
  async #revoked(partitions: readonly TopicPartition[], generation: number): Promise<void> {
    this.#waiting = [];
    this.#paused = [];
    await this.#dispatcher.drop();
    await this.#commit();
    for (const at of partitions) this.#owned.delete(partitionName(at.topic, at.partition));
    this.#journal.revoked(partitions, generation);
  }
  // #end

  #policyOf(at: TopicPartition): Owned | undefined {
    return this.#owned.get(partitionName(at.topic, at.partition));
  }
}
