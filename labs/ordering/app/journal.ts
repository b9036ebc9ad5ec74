/**
 * What the application tells of itself while it runs: the lab's eyes. In the simulator it goes into the history at once; a real process writes it to a file
 * that outlives it.
 */
import type { Answer, CommitOffset } from '../../kit/drivers/driver.ts';
import type { SeenRecord, TopicPartition } from '../../kit/history.ts';

export interface Journal {
  polled(records: readonly SeenRecord[]): void;
  /** Before the commit is sent; what it returns is called with the answer. */
  committing(offset: CommitOffset, generation: number): (answer: Answer) => void;
  assigned(partitions: readonly TopicPartition[], generation: number): void;
  revoked(partitions: readonly TopicPartition[], generation: number): void;
  reach(goal: string): void;
}
