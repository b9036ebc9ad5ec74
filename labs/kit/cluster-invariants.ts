/**
 * What must hold in a cluster after every step, checked from outside on what the nodes hold:
 *
 * | name | what |
 * |---|---|
 * | ONE-LEADER | a partition has at most one leader in an epoch |
 * | COMMITTED-PREFIX | what is below the high watermark is the same everywhere and for ever, and every later leader has it |
 * | HIGH-WATERMARK | within a life of a node and an epoch the high watermark does not go back; it lies between log start and log end |
 * | ONE-CONTROLLER, METADATA-PREFIX, METADATA-HIGH-WATERMARK | the same of the metadata log; its high watermark does not go back within a life, whatever the epoch |
 *
 * Invariant: a check looks and changes nothing, and looks only at the node whose step it was. Each name is told once: the first violation is the story,
 * what follows is its wake.
 *
 * Why so: committed means "below the high watermark of a leader", whoever saw it. Where a scenario makes loss legal (an unclean election, every in-sync replica
 * without power), it says so and COMMITTED-PREFIX is not watched. Compacted logs are left out of the comparison: their cleaners work at their own pace.
 */
import type { BatchMark, LogView, NodeView } from '@mqlab/core/broker/node-view.ts';
import type { InvariantName } from './checkers/finding.ts';
import type { InvariantViolation } from './targets/target.ts';

/** Committed batches remembered of each log: older ones are taken as agreed. */
const BATCHES_KEPT_MAX = 20_000;
const EPOCHS_KEPT_MAX = 1000;

interface Names {
  readonly leader: InvariantName;
  readonly prefix: InvariantName;
  readonly highWatermark: InvariantName;
}

const OF_PARTITIONS: Names = {
  leader: 'INVARIANT ONE-LEADER',
  prefix: 'INVARIANT COMMITTED-PREFIX',
  highWatermark: 'INVARIANT HIGH-WATERMARK',
};
const OF_METADATA: Names = {
  leader: 'INVARIANT ONE-CONTROLLER',
  prefix: 'INVARIANT METADATA-PREFIX',
  highWatermark: 'INVARIANT METADATA-HIGH-WATERMARK',
};

/** A log as the cluster has it: what is committed, and who led it when. */
interface SharedLog {
  readonly name: string;
  readonly names: Names;
  readonly leaders: Map<number, number>;
  /** By base offset. */
  readonly committed: Map<number, BatchMark>;
  /** Exclusive end of what some leader's high watermark covered, and the epoch of that leader. */
  committedEnd: number;
  committedEpoch: number;
}

/** A node's copy in one life. */
interface Copy {
  readonly shared: SharedLog;
  life: number;
  highWatermark: number;
  leaderEpoch: number;
  /** Compared up to here (exclusive). */
  comparedTo: number;
  /** Epoch in which this copy was last checked as the leader's. */
  ledEpoch: number;
  logEndOffset: number;
  wasLeader: boolean;
}

/** The copies of a node, each beside its view: walked over at every step. */
interface NodeCopies {
  views: readonly LogView[];
  copies: readonly Copy[];
  /** By topic id, then by partition: what a topic's return or a node's next life finds again. */
  readonly byTopic: Map<string, Copy[]>;
}

const NO_VIEWS: readonly LogView[] = [];

export class ClusterInvariants {
  readonly #onViolation: (violation: InvariantViolation) => void;
  readonly #told = new Set<InvariantName>();
  readonly #logs = new Map<string, SharedLog>();
  readonly #nodes = new Map<number, NodeCopies>();

  constructor(onViolation: (violation: InvariantViolation) => void) {
    this.#onViolation = onViolation;
  }

  /** A node as it is now; `life` differs from one of its starts to the next. */
  observe(view: NodeView, life: number): void {
    let node = this.#nodes.get(view.nodeId);
    if (node === undefined) {
      node = { views: NO_VIEWS, copies: [], byTopic: new Map() };
      this.#nodes.set(view.nodeId, node);
    }
    const views = view.partitions();
    if (views !== node.views) {
      const { byTopic } = node;
      node.views = views;
      node.copies = views.map((log) => this.#copyOf(log, byTopic, OF_PARTITIONS));
    }
    const { copies } = node;
    for (let at = 0; at < views.length; at++) {
      const log = views[at]!;
      if (hasChanged(log, copies[at]!, life) && !log.isOffline) this.#check(view.nodeId, life, log, copies[at]!);
    }
    const { metadata } = view;
    if (metadata === null) return;
    const copy = this.#copyOf(metadata, node.byTopic, OF_METADATA);
    if (hasChanged(metadata, copy, life)) this.#check(view.nodeId, life, metadata, copy);
  }

  /** A topic that is made again has another id: its log has nothing to do with the old one's. */
  #copyOf(log: LogView, byTopic: Map<string, Copy[]>, names: Names): Copy {
    let ofTopic = byTopic.get(log.topicId);
    if (ofTopic === undefined) byTopic.set(log.topicId, (ofTopic = []));
    return (ofTopic[log.partition] ??= newCopy(this.#shared(log, names)));
  }

  #check(nodeId: number, life: number, log: LogView, copy: Copy): void {
    if (copy.life !== life) Object.assign(copy, newCopy(copy.shared), { life });
    if (log.isLeader) this.#checkLeader(nodeId, log, copy);
    this.#checkHighWatermark(nodeId, log, copy);
    if (!log.isCompacted) this.#checkCommitted(nodeId, log, copy);
    copy.highWatermark = log.highWatermark;
    copy.leaderEpoch = log.leaderEpoch;
    copy.logEndOffset = log.logEndOffset;
    copy.wasLeader = log.isLeader;
  }

  #shared(log: LogView, names: Names): SharedLog {
    const key = `${log.topicId} ${log.partition}`;
    let shared = this.#logs.get(key);
    if (shared === undefined) {
      const name = `${log.topic}-${log.partition}`;
      shared = { name, names, leaders: new Map(), committed: new Map(), committedEnd: 0, committedEpoch: -1 };
      this.#logs.set(key, shared);
    }
    return shared;
  }

  #checkLeader(nodeId: number, log: LogView, { shared }: Copy): void {
    const { leaderEpoch } = log;
    const other = shared.leaders.get(leaderEpoch);
    if (other === undefined) {
      shared.leaders.set(leaderEpoch, nodeId);
      forgetOldest(shared.leaders, EPOCHS_KEPT_MAX);
    } else if (other !== nodeId) {
      this.#tell(
        shared.names.leader,
        () => `Nodes ${other} and ${nodeId} both lead ${shared.name} in epoch ${leaderEpoch}.`,
      );
    }
  }

  #checkHighWatermark(nodeId: number, log: LogView, copy: Copy): void {
    const { name, names } = copy.shared;
    const { logStartOffset, highWatermark, logEndOffset, leaderEpoch } = log;
    if (highWatermark < logStartOffset || highWatermark > logEndOffset) {
      this.#tell(
        names.highWatermark,
        () =>
          `On node ${nodeId} the high watermark ${highWatermark} of ${name} is outside its log, ${logStartOffset}…${logEndOffset}.`,
      );
    }
    const isSameReign = names === OF_METADATA || (copy.leaderEpoch === leaderEpoch && copy.wasLeader === log.isLeader);
    if (isSameReign && highWatermark < copy.highWatermark) {
      this.#tell(
        names.highWatermark,
        () =>
          `On node ${nodeId} the high watermark of ${name} went back from ${copy.highWatermark} to ${highWatermark} in epoch ${leaderEpoch}.`,
      );
    }
  }

  #checkCommitted(nodeId: number, log: LogView, copy: Copy): void {
    const { shared } = copy;
    const { highWatermark, logEndOffset, leaderEpoch } = log;
    // A leader begins with everything that was committed under those before it.
    if (log.isLeader && copy.ledEpoch !== leaderEpoch) {
      copy.ledEpoch = leaderEpoch;
      if (leaderEpoch >= shared.committedEpoch && logEndOffset < shared.committedEnd) {
        this.#tell(
          shared.names.prefix,
          () =>
            `Node ${nodeId} leads ${shared.name} in epoch ${leaderEpoch} and ends at ${logEndOffset}, though ${shared.committedEnd} offsets were committed in epoch ${shared.committedEpoch}.`,
        );
      }
    }
    // What was cut off and fetched again is looked at again.
    const end = Math.min(highWatermark, logEndOffset);
    if (copy.comparedTo > Math.min(copy.logEndOffset, logEndOffset))
      copy.comparedTo = Math.min(copy.comparedTo, logEndOffset);
    if (copy.comparedTo < end) {
      for (const batch of log.batches(copy.comparedTo, end)) {
        if (batch.lastOffset >= end) break;
        this.#compare(nodeId, shared, batch);
        copy.comparedTo = batch.lastOffset + 1;
      }
    }
    if (log.isLeader && highWatermark > shared.committedEnd) {
      shared.committedEnd = highWatermark;
      shared.committedEpoch = leaderEpoch;
    }
  }

  #compare(nodeId: number, shared: SharedLog, batch: BatchMark): void {
    const known = shared.committed.get(batch.baseOffset);
    if (known === undefined) {
      shared.committed.set(batch.baseOffset, batch);
      forgetOldest(shared.committed, BATCHES_KEPT_MAX);
      return;
    }
    const isSame =
      known.lastOffset === batch.lastOffset && known.leaderEpoch === batch.leaderEpoch && known.crc === batch.crc;
    if (isSame) return;
    this.#tell(
      shared.names.prefix,
      () =>
        `Node ${nodeId} has another batch at committed offset ${batch.baseOffset} of ${shared.name}: ${markText(batch)}, elsewhere ${markText(known)}.`,
    );
  }

  #tell(name: InvariantName, text: () => string): void {
    if (this.#told.has(name)) return;
    this.#told.add(name);
    this.#onViolation({ name, text: text() });
  }
}

function hasChanged(log: LogView, copy: Copy, life: number): boolean {
  return (
    copy.life !== life ||
    copy.highWatermark !== log.highWatermark ||
    copy.logEndOffset !== log.logEndOffset ||
    copy.leaderEpoch !== log.leaderEpoch ||
    copy.wasLeader !== log.isLeader
  );
}

function newCopy(shared: SharedLog): Copy {
  return {
    shared,
    life: -1,
    highWatermark: -1,
    leaderEpoch: -1,
    comparedTo: 0,
    ledEpoch: -1,
    logEndOffset: -1,
    wasLeader: false,
  };
}

function markText({ baseOffset, lastOffset, leaderEpoch, crc }: BatchMark): string {
  return `${baseOffset}…${lastOffset} of epoch ${leaderEpoch} with CRC ${crc.toString(16)}`;
}

function forgetOldest<Key, Value>(map: Map<Key, Value>, sizeMax: number): void {
  if (map.size > sizeMax) map.delete(map.keys().next().value as Key);
}
