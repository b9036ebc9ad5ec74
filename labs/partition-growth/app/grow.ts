/** Adding partitions to a topic in use: at once, or when what was sent before is worked off. No producer sends meanwhile: that is the deployment in which they learn of it. */

export interface Growing {
  readonly addPartitions: () => Promise<void>;
  /** Records that are in the topic and have no effect yet. */
  readonly lag: () => Promise<number>;
  readonly wait: () => Promise<void>;
}

export type Grow = (growing: Growing) => Promise<void>;

// #excerpt at-once
export const growAtOnce: Grow = async ({ addPartitions }) => {
  await addPartitions();
};
// #end

// #excerpt drain-first
export const drainThenGrow: Grow = async ({ addPartitions, lag, wait }) => {
  while ((await lag()) > 0) await wait();
  await addPartitions();
};
// #end
