import { LeaderEpochs } from '../../log/leader-epochs.ts';
import type { FollowerState } from '../../replica/follower-state.ts';
import { LeaderState } from '../../replica/leader-state.ts';
import { Partition } from '../../replica/partition.ts';
import { ReplicaFetcher } from '../../replica/replica-fetcher.ts';

/**
 * The broker broken on purpose, one way at a time: what the invariants must see. Each plants its fault and returns how to take it out.
 */
export interface PlantedFault {
  readonly name: string;
  plant(): () => void;
}

type Method = (...args: never[]) => unknown;

function replace<T extends object, K extends keyof T>(
  prototype: T,
  name: K,
  by: (original: T[K] & Method) => unknown,
): () => void {
  const original = prototype[name] as T[K] & Method;
  Object.defineProperty(prototype, name, { configurable: true, writable: true, value: by(original) });
  return () => void Object.defineProperty(prototype, name, { configurable: true, writable: true, value: original });
}

function replaceGetter<T extends object>(prototype: T, name: keyof T & string, get: (this: T) => unknown): () => void {
  const original = Object.getOwnPropertyDescriptor(prototype, name)!;
  Object.defineProperty(prototype, name, { configurable: true, get });
  return () => void Object.defineProperty(prototype, name, original);
}

export const PLANTED_FAULTS: readonly PlantedFault[] = [
  {
    name: 'the watermark is the leader’s own end',
    plant: () => replace(LeaderState.prototype, 'replicatedOffset', () => (ownOffset: number) => ownOffset),
  },
  {
    name: 'the watermark counts the smaller set while an expansion is under way',
    plant: () =>
      replace(
        LeaderState.prototype,
        'replicatedOffset',
        () =>
          function (this: LeaderState, ownOffset: number) {
            let offset = ownOffset;
            for (const { brokerId, logEndOffset } of this.all()) {
              if (this.inSync.committed.includes(brokerId)) offset = Math.min(offset, logEndOffset);
            }
            return offset;
          },
      ),
  },
  {
    name: 'a removal counts before the controller has made it',
    plant: () =>
      replace(
        LeaderState.prototype,
        'replicatedOffset',
        () =>
          function (this: LeaderState, ownOffset: number) {
            let offset = ownOffset;
            const counted = this.inSync.pending?.wanted ?? this.inSync.committed;
            for (const { brokerId, logEndOffset } of this.all()) {
              if (counted.includes(brokerId)) offset = Math.min(offset, logEndOffset);
            }
            return offset;
          },
      ),
  },
  {
    name: 'a leader never says where histories part',
    plant: () =>
      replace(LeaderEpochs.prototype, 'endOffsetFor', () => (epoch: number) => ({
        epoch,
        endOffset: Number.MAX_SAFE_INTEGER,
      })),
  },
  {
    name: 'a follower cuts its log at its watermark',
    plant: () =>
      replace(
        ReplicaFetcher.prototype,
        'add',
        (original) =>
          function (this: ReplicaFetcher, partition: Partition) {
            partition.log.truncateTo(partition.log.highWatermark);
            return original.call(this, partition as never);
          },
      ),
  },
  {
    name: 'acks=all is answered before it is replicated',
    plant: () => replace(Partition.prototype, 'commitState', () => () => 0),
  },
  {
    name: 'a leader appends under the epoch in which it led first',
    plant: () => {
      const first = new WeakMap<Partition, number>();
      const original = Object.getOwnPropertyDescriptor(Partition.prototype, 'leaderEpoch')!.get!;
      return replace(
        Partition.prototype,
        'append',
        (append) =>
          function (this: Partition, ...args: Parameters<Partition['append']>) {
            const epoch = first.get(this) ?? (original.call(this) as number);
            first.set(this, epoch);
            const undo = replaceGetter(Partition.prototype, 'leaderEpoch', () => epoch);
            try {
              return append.apply(this, args as never);
            } finally {
              undo();
            }
          },
      );
    },
  },
  {
    name: 'a follower is let in wherever its log ends',
    plant: () =>
      replace(
        LeaderState.prototype,
        'mayJoin',
        () =>
          function (this: LeaderState, { brokerId }: FollowerState) {
            return this.inSync.pending === null && !this.inSync.committed.includes(brokerId);
          },
      ),
  },
  {
    name: 'a leader that was deposed goes on leading',
    plant: () =>
      replace(
        Partition.prototype,
        'changeLeadership',
        (original) =>
          function (this: Partition, leadership: Parameters<Partition['changeLeadership']>[0]) {
            if (this.isLeader && leadership.leader !== this.leader) return 'unchanged';
            return original.call(this, leadership as never);
          },
      ),
  },
];
