import type { SimLife, SimProcess } from '../../ports/sim/process.ts';
import type { SimRandom } from '../../ports/sim/random.ts';
import { EVENT_NETWORK, SimWorld } from '../../ports/sim/world.ts';
import { recordsOf } from '../../protocol/record.ts';
import { batchesIn } from '../../protocol/record-batch.ts';
import type { Api, ResponseInput } from '../../protocol/schema.ts';
import { MetadataQuorum } from '../metadata-quorum.ts';
import type { SendToPeer } from '../peer-sender.ts';
import { NotLeaderError } from '../pending-appends.ts';
import { DEFAULT_QUORUM_SETTINGS, type QuorumSettings } from '../quorum-settings.ts';
import { Ledger, TestMachine } from './test-machine.ts';

/**
 * A quorum in the simulator: a process a node with its disk, and between them messages that are encoded, decoded, late, lost. After every event the
 * invariants are looked at (`check`), each by its name; what breaks one is thrown.
 */
export const SIM_SETTINGS: QuorumSettings = {
  ...DEFAULT_QUORUM_SETTINGS,
  electionTimeoutMs: 150,
  fetchTimeoutMs: 300,
  electionBackoffMaxMs: 100,
  requestTimeoutMs: 200,
  fetchMaxBytes: 600,
  fetchSnapshotMaxBytes: 700,
  logSegmentBytes: 1500,
  recordBytesBetweenSnapshotsMax: 2500,
  retentionMaxBytes: 14_000,
};

export const CLUSTER_ID = 'bXFsYWItc2ltdWxhdGVkMA';
const DIRECTORY_ID = 'AAAAAAAAAAAAAAAAAAAABQ';

interface SimNode {
  readonly id: number;
  readonly process: SimProcess;
  life: SimLife;
  quorum: MetadataQuorum;
  machine: TestMachine;
  /** For what must not fall within a life. */
  highWatermark: number;
  appliedOffset: number;
  wasClean: boolean;
}

interface Acknowledged {
  readonly offset: number;
  readonly text: string;
}

export class SimCluster {
  readonly world: SimWorld;
  readonly voterIds: readonly number[];
  readonly nodes = new Map<number, SimNode>();
  readonly ledger = new Ledger();
  readonly acknowledged: Acknowledged[] = [];
  /** Links that carry nothing, `from>to`. */
  readonly cuts = new Set<string>();
  readonly random: SimRandom;
  readonly problems: string[] = [];
  private readonly settings: QuorumSettings;
  private readonly leaders = new Map<number, number>();
  private readonly votes = new Map<string, number>();
  private readonly checkedLeaders = new Set<string>();
  private committed = 0;
  private proposals = 0;
  isSlow = false;

  constructor(options: {
    readonly seed: number;
    readonly voters: number;
    readonly observers: number;
    readonly settings?: Partial<QuorumSettings>;
  }) {
    this.world = new SimWorld({ seed: options.seed });
    this.random = this.world.random('cluster');
    this.settings = { ...SIM_SETTINGS, ...options.settings };
    this.voterIds = Array.from({ length: options.voters }, (_, index) => index + 1);
    for (const id of this.voterIds) this.start(id);
    for (let index = 0; index < options.observers; index++) this.start(101 + index);
  }

  get all(): SimNode[] {
    return [...this.nodes.values()];
  }

  get live(): SimNode[] {
    return this.all.filter(({ process, life }) => process.alive && process.life === life);
  }

  /** The leader that may decide, of the latest epoch. */
  get leader(): SimNode | undefined {
    return this.live
      .filter(({ quorum }) => quorum.isLeader)
      .sort((a, b) => b.quorum.leader.epoch - a.quorum.leader.epoch)[0];
  }

  /** Starts a node, or starts it again after its process ended. */
  start(id: number): void {
    const process = this.world.process(`n${id}`);
    const before = this.nodes.get(id);
    if (before !== undefined && !process.alive) process.restart();
    const machine = new TestMachine(this.ledger, `n${id}`);
    const { clock, random, files } = process.ports;
    const quorum = MetadataQuorum.open({
      clock,
      random,
      files,
      // Whose name is on the device, as that of an opened log directory.
      logDir: '/',
      isClean: before?.wasClean ?? false,
      nodeId: id,
      clusterId: CLUSTER_ID,
      directoryId: DIRECTORY_ID,
      voters: this.voterIds.map((nodeId) => ({ nodeId, address: { host: `n${nodeId}`, port: 9093 } })),
      settings: this.settings,
      send: this.sender(id, process),
      stateMachine: machine,
      onProblem: (message) => this.problems.push(message),
      onFatal: (error) => {
        throw error;
      },
    });
    const node = {
      id,
      process,
      life: process.life,
      quorum,
      machine,
      highWatermark: -1,
      appliedOffset: 0,
      wasClean: false,
    };
    this.nodes.set(id, node);
    process.spawn(() => quorum.start());
  }

  /** A clean end. */
  close(node: SimNode): void {
    node.process.spawn(async () => {
      await node.quorum.close();
      node.wasClean = true;
      node.process.crash();
    });
  }

  /** Appends one to three values on a node that leads, or believes so. */
  propose(): void {
    const leading = this.live.filter(({ quorum }) => quorum.isLeader);
    if (leading.length === 0) return;
    const node = leading[this.random.integer(leading.length)]!;
    const texts = Array.from({ length: 1 + this.random.integer(3) }, () => `p${++this.proposals}`.padEnd(20));
    node.process.spawn(async () => {
      try {
        const { lastOffset } = await node.quorum.append(texts.map((text) => Buffer.from(text)));
        this.acknowledged.push({ offset: lastOffset - texts.length + 1, text: texts.join('|') });
        if (node.quorum.lastAppliedOffset <= lastOffset) throw new Error('acknowledged before it was applied');
      } catch (error) {
        if (!(error instanceof NotLeaderError)) throw error;
      }
    });
  }

  private sender(from: number, process: SimProcess): SendToPeer {
    const { life } = process;
    const { clock } = process.ports;
    return (to, api, body, { timeoutMs }) => {
      const answer = new Promise<unknown>((resolve, reject) => {
        const fail = (message: string) => () => reject(new Error(message));
        const timer = clock.setTimer(timeoutMs, fail('no answer in time'));
        const { versionMax } = api.request;
        const request = api.request.decode(versionMax, api.request.encode(versionMax, body as never));
        this.noteRequest(from, api, request);
        this.deliver(from, to, () => {
          const target = this.nodes.get(to)!;
          const reply = (back: () => void) => this.deliver(to, from, back, life);
          this.handle(target, api, request).then(
            (response) => {
              const bytes = api.response.encode(versionMax, response as never);
              this.noteResponse(to, api, request, response);
              reply(() => {
                timer.cancel();
                resolve(api.response.decode(versionMax, bytes));
              });
            },
            () => reply(fail('the connection broke')),
          );
        });
      });
      return answer as never;
    };
  }

  /** `action` on the other side, some time later, when the link carries it and the process is there. */
  private deliver(from: number, to: number, action: () => void, life = this.nodes.get(to)?.life): void {
    if (life === undefined || this.cuts.has(`${from}>${to}`)) return;
    let delayMs = 0.3 + this.random.float() * 2;
    if (this.isSlow && this.random.integer(20) === 0) delayMs += this.random.integer(400);
    this.world.schedule(delayMs, life, EVENT_NETWORK, () => {
      if (!this.cuts.has(`${from}>${to}`)) action();
    });
  }

  // biome-ignore lint/suspicious/noExplicitAny: the messages of five APIs
  private handle(node: SimNode, api: Api<any, any>, request: any): Promise<ResponseInput<any>> {
    const { quorum } = node;
    switch (api.name) {
      case 'Vote':
        return quorum.vote(request);
      case 'BeginQuorumEpoch':
        return quorum.beginQuorumEpoch(request);
      case 'EndQuorumEpoch':
        return quorum.endQuorumEpoch(request);
      case 'Fetch':
        return quorum.fetch(request);
      case 'FetchSnapshot':
        return quorum.fetchSnapshot(request);
      default:
        throw new Error(api.name);
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: the messages of five APIs
  private noteRequest(from: number, api: Api<any, any>, request: any): void {
    if (api.name === 'Fetch') {
      const { fetchOffset } = request.topics[0].partitions[0];
      const { flushedOffset } = this.nodes.get(from)!.quorum.log;
      if (fetchOffset > flushedOffset)
        throw new Error(`n${from} says it has ${fetchOffset}, on its device are ${flushedOffset}`);
    }
    if (api.name !== 'Vote') return;
    const { preVote, replicaEpoch } = request.topics[0].partitions[0];
    if (!preVote) this.noteVote(from, replicaEpoch, from);
  }

  // biome-ignore lint/suspicious/noExplicitAny: the messages of five APIs
  private noteResponse(by: number, api: Api<any, any>, request: any, response: any): void {
    if (api.name !== 'Vote') return;
    const { preVote, replicaEpoch, replicaId } = request.topics[0].partitions[0];
    if (!preVote && response.topics[0]?.partitions[0].voteGranted) this.noteVote(by, replicaEpoch, replicaId);
  }

  private noteVote(by: number, epoch: number, candidate: number): void {
    const key = `${by}/${epoch}`;
    const before = this.votes.get(key);
    if (before !== undefined && before !== candidate) {
      throw new Error(`one vote an epoch: n${by} votes for n${before} and n${candidate} in epoch ${epoch}`);
    }
    this.votes.set(key, candidate);
  }

  /** The invariants that can be seen between two events. */
  check(): void {
    for (const node of this.live) {
      const { id, quorum, machine } = node;
      if (quorum.state === 'leader') this.checkLeader(node);
      if (quorum.highWatermark < node.highWatermark) {
        throw new Error(`the high watermark of n${id} falls from ${node.highWatermark} to ${quorum.highWatermark}`);
      }
      node.highWatermark = quorum.highWatermark;
      if (quorum.lastAppliedOffset !== node.appliedOffset) {
        node.appliedOffset = quorum.lastAppliedOffset;
        if (machine.digest !== this.ledger.digestAt(node.appliedOffset)) {
          throw new Error(`n${id} has another state than the others had at ${node.appliedOffset}`);
        }
      }
      this.committed = Math.max(this.committed, quorum.highWatermark);
    }
  }

  private checkLeader({ id, quorum }: SimNode): void {
    const { epoch } = quorum.leader;
    const before = this.leaders.get(epoch);
    if (before !== undefined && before !== id)
      throw new Error(`one leader an epoch: n${before} and n${id} lead ${epoch}`);
    this.leaders.set(epoch, id);
    const key = `${id}/${epoch}`;
    if (this.checkedLeaders.has(key)) return;
    this.checkedLeaders.add(key);
    if (quorum.logEndOffset < this.committed) {
      throw new Error(`n${id} leads ${epoch} with a log to ${quorum.logEndOffset}; ${this.committed} was committed`);
    }
    const held = this.logOf(quorum);
    for (const { offset, text } of this.acknowledged) {
      if (offset >= quorum.logStartOffset && held.get(offset) !== text) {
        throw new Error(`n${id} leads ${epoch} without what was acknowledged at ${offset}: ${text}`);
      }
    }
  }

  private logOf(quorum: MetadataQuorum): Map<number, string> {
    const log = quorum.log;
    const held = new Map<number, string>();
    for (let offset = log.startOffset; offset < log.endOffset; ) {
      const before = offset;
      for (const batch of batchesIn(log.read(offset))) {
        if (!batch.isControl)
          held.set(batch.baseOffset, [...recordsOf(batch)].map(({ value }) => String(value)).join('|'));
        offset = batch.nextOffset;
      }
      if (offset === before) throw new Error(`nothing at ${offset} in a log to ${log.endOffset}`);
    }
    return held;
  }

  /** Lets time pass, `check` between all events. */
  async run(untilTimeMs: number, until?: () => boolean): Promise<boolean> {
    let isDone = false;
    await this.world.run({
      untilTimeMs,
      until: () => {
        this.check();
        return (isDone = until?.() ?? false);
      },
    });
    return isDone;
  }

  heal(): void {
    this.cuts.clear();
    this.isSlow = false;
    for (const { id, process } of this.all) {
      process.resume();
      process.setClock({ driftPpm: 0 });
      if (!process.alive) this.start(id);
    }
  }
}
