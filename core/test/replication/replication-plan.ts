import type { LeaderEpochEntry } from '../../log/leader-epochs.ts';
import { DEFAULT_LOG_CONFIG, type LogConfig } from '../../log/log-config.ts';
import type { Ports } from '../../ports/ports.ts';
import type { SimRandom } from '../../ports/sim/random.ts';
import { SimWorld } from '../../ports/sim/world.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { Produce } from '../../protocol/messages/00-produce.ts';
import { buildBatch } from '../../protocol/record-batch-builder.ts';
import { NodeLinks } from '../../rpc/node-links.ts';
import { InvariantError, Invariants, recordsIn } from './invariants.ts';
import { TestBroker } from './test-broker.ts';
import { TestController, TOPIC_ID } from './test-controller.ts';

/**
 * A plan: three brokers, partitions that each of them holds, producers with acks=all, and faults drawn from the seed. A phase of faults with the
 * invariants looked at after every event; then everything is healed, and within a bounded time all replicas must be in sync and equal, epochs included.
 */
export interface PlanOptions {
  readonly seed: number;
  /**
   * `crash`: processes die and links are cut, machines live: nothing that was acknowledged may be lost.
   * `flushed`: machines lose their power too, and every record is flushed before it counts (flush.messages=1): the same.
   * `power`: nothing is flushed in time, and a machine loses its power only while others are in sync, which the controller hears of before anything else
   * happens to them: the same.
   */
  readonly kind: 'crash' | 'flushed' | 'power';
}

export interface PlanResult {
  readonly acked: number;
  readonly faults: readonly string[];
  readonly events: number;
  readonly truncations: number;
  readonly hash: string;
}

const NODES = [1, 2, 3];
const ASSIGNMENTS = [
  [1, 2, 3],
  [2, 3, 1],
];
const MIN_IN_SYNC = 2;
const FAULTS_MS = 2000;
const HEAL_MS = 20_000;

export async function runPlan({ seed, kind }: PlanOptions): Promise<PlanResult> {
  const plan = new Plan(seed, kind);
  return plan.run();
}

class Plan {
  private readonly kind: PlanOptions['kind'];
  private readonly world: SimWorld;
  private readonly random: SimRandom;
  private readonly controller: TestController;
  private readonly invariants: Invariants;
  private readonly brokers = new Map<number, TestBroker>();
  private readonly logConfig: LogConfig;
  private readonly faults: string[] = [];
  private readonly ackedIds: { readonly partition: number; readonly offset: number; readonly id: string }[] = [];
  private violation: Error | null = null;
  private isHealing = false;
  private isDone = false;

  constructor(seed: number, kind: PlanOptions['kind']) {
    this.kind = kind;
    this.world = new SimWorld({ seed, flushLatencyMs: [0.1, 3] });
    this.random = this.world.random('plan');
    this.controller = new TestController(this.world);
    this.invariants = new Invariants(this.controller, ASSIGNMENTS.length, MIN_IN_SYNC);
    this.controller.onChange = () => this.guard(() => this.invariants.checkInSync());
    this.logConfig = {
      ...DEFAULT_LOG_CONFIG,
      minInSyncReplicas: MIN_IN_SYNC,
      segmentBytes: 600 + this.random.integer(4000),
      indexIntervalBytes: 200,
      fileDeleteDelayMs: 200,
      flushMessages: kind === 'flushed' ? 1 : Number.MAX_SAFE_INTEGER,
    };
  }

  async run(): Promise<PlanResult> {
    const { world, controller } = this;
    for (const nodeId of NODES) this.start(nodeId);
    await this.until(() => NODES.every((nodeId) => !controller.isFenced(nodeId)), 1000, 'all brokers live');
    controller.createTopic(ASSIGNMENTS);
    ASSIGNMENTS.forEach((_, partition) => {
      this.produce(partition, `p${partition}`);
    });
    this.scheduleFaults();
    await this.until(() => false, FAULTS_MS, null);
    this.heal();
    await this.until(() => this.isConverged(), HEAL_MS, 'all replicas are in sync and equal');
    this.isDone = true;
    await this.until(() => false, 500, null);
    this.checkEnd();
    let truncations = 0;
    for (const broker of this.brokers.values()) {
      for (const { log } of broker.replicas.all()) truncations += log.truncationCount;
    }
    return {
      acked: this.ackedIds.length,
      faults: this.faults,
      events: world.eventCount,
      truncations,
      hash: world.hash(),
    };
  }

  private guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.violation ??= error as Error;
    }
  }

  /** Runs until it holds, or for so long when nobody says what must. */
  private async until(holds: () => boolean, withinMs: number, what: string | null): Promise<void> {
    const untilTimeMs = this.world.timeMs + withinMs;
    let isReached = false;
    await this.world.run({
      untilTimeMs,
      until: () => {
        this.guard(() => this.invariants.check(this.alive()));
        isReached = this.violation === null && holds();
        return this.violation !== null || isReached;
      },
    });
    if (this.violation !== null) throw this.violation;
    if (what !== null && !isReached)
      throw new InvariantError(`liveness: not within ${withinMs} ms: ${what}\n${this.describe()}`);
  }

  private *alive(): Generator<TestBroker> {
    for (const broker of this.brokers.values()) if (broker.process.alive) yield broker;
  }

  private start(nodeId: number): void {
    const process = this.world.process(`b${nodeId}`);
    process.spawn(async (ports) => {
      const broker = await TestBroker.start(process, nodeId, ports, this.controller, this.logConfig);
      this.brokers.set(nodeId, broker);
    });
  }

  private scheduleFaults(): void {
    const count = 3 + this.random.integer(8);
    for (let i = 0; i < count; i++) {
      this.world.after(100 + this.random.integer(FAULTS_MS - 300), () => this.fault());
    }
  }

  private fault(): void {
    const { random, world } = this;
    const nodeId = NODES[random.integer(NODES.length)]!;
    const other = NODES[random.integer(NODES.length)]!;
    const durationMs = 20 + random.integer(random.integer(2) === 0 ? 200 : 1500);
    const name = `b${nodeId}`;
    switch (random.integer(8)) {
      case 0:
        return this.crash(nodeId, durationMs);
      case 1:
        this.note(`isolate ${name} for ${durationMs}`);
        world.network.isolate(name);
        this.controllerCut(nodeId, durationMs);
        world.after(durationMs, () => {
          for (const each of [...NODES.map((id) => `b${id}`), 'client'])
            if (each !== name) world.network.heal(name, each);
        });
        return;
      case 2:
        if (other === nodeId) return;
        this.note(`cut ${name} from b${other} for ${durationMs}`);
        world.network.cut(name, `b${other}`);
        world.after(durationMs, () => world.network.heal(name, `b${other}`));
        return;
      case 3:
        this.note(`cut ${name} from the controller for ${durationMs}`);
        return this.controllerCut(nodeId, durationMs);
      case 4:
        return this.moveLeader(random.integer(ASSIGNMENTS.length));
      case 5: {
        const process = world.process(name);
        if (!process.alive || process.paused) return;
        this.note(`pause ${name} for ${durationMs}`);
        process.pause();
        const { life } = process;
        this.endSession(nodeId, 250);
        world.after(durationMs, () => {
          if (process.life !== life || !life.alive) return;
          process.resume();
          process.spawn(() => this.brokers.get(nodeId)?.rejoin());
        });
        return;
      }
      case 6:
        return this.deleteRecords(random.integer(ASSIGNMENTS.length));
      default:
        return this.kind === 'crash' ? this.crash(nodeId, durationMs) : this.powerCut(nodeId, durationMs);
    }
  }

  private note(what: string): void {
    this.faults.push(`${this.world.timeMs.toFixed(0)}: ${what}`);
  }

  private moveLeader(partition: number): void {
    this.note(`move the leader of ${partition}`);
    this.controller.moveLeader(partition);
  }

  private deleteRecords(partition: number): void {
    const broker = this.brokers.get(this.controller.partitions[partition]!.leader);
    if (broker === undefined || !broker.process.alive || broker.process.paused) return;
    this.note(`delete records of ${partition}`);
    broker.process.spawn(() => {
      broker.replicas.partition('t', partition)?.deleteRecords(-1);
      // What lies below the log start goes with its segments, so that who is far behind finds nothing.
      if (this.random.integer(2) === 0) broker.logManager.applyRetention();
    });
  }

  /** kill −9. */
  private crash(nodeId: number, durationMs: number): void {
    const process = this.world.process(`b${nodeId}`);
    if (!process.alive || !this.brokers.has(nodeId)) return;
    this.note(`crash b${nodeId} for ${durationMs}`);
    process.crash();
    this.endSession(nodeId, 250);
    this.restartAfter(nodeId, durationMs);
  }

  private powerCut(nodeId: number, durationMs: number): void {
    const process = this.world.process(`b${nodeId}`);
    if (!process.alive || !this.brokers.has(nodeId)) return;
    if (this.kind === 'power') {
      // The last one in sync must not lose what it did not flush: nobody else would have it.
      const isLast = this.controller.partitions.some(
        ({ inSyncReplicas }) => inSyncReplicas.length === 1 && inSyncReplicas[0] === nodeId,
      );
      if (isLast) return;
    }
    this.note(`power of b${nodeId} fails for ${durationMs}`);
    this.invariants.powerFailed(nodeId);
    this.world.powerCut([`b${nodeId}`]);
    if (this.kind === 'power') this.controller.fence(nodeId);
    else this.endSession(nodeId, 250);
    this.restartAfter(nodeId, durationMs);
  }

  private restartAfter(nodeId: number, durationMs: number): void {
    const process = this.world.process(`b${nodeId}`);
    this.world.after(durationMs, () => {
      if (process.alive) return;
      process.restart();
      this.start(nodeId);
    });
  }

  /** The controller hears nothing of the broker for a while, and fences it. */
  private endSession(nodeId: number, afterMs: number): void {
    const epoch = this.controller.epochOf(nodeId);
    const process = this.world.process(`b${nodeId}`);
    const { life } = process;
    this.world.after(afterMs, () => {
      const isBack = process.life === life && life.alive && !process.paused;
      if (this.controller.epochOf(nodeId) === epoch && !isBack) this.controller.fence(nodeId);
    });
  }

  private controllerCut(nodeId: number, durationMs: number): void {
    this.controller.cut(nodeId);
    const epoch = this.controller.epochOf(nodeId);
    if (durationMs > 250) {
      this.world.after(250, () => {
        if (this.controller.epochOf(nodeId) === epoch && !this.isHealing) this.controller.fence(nodeId);
      });
    }
    this.world.after(durationMs, () => this.reconnect(nodeId));
  }

  private reconnect(nodeId: number): void {
    this.controller.heal(nodeId);
    const process = this.world.process(`b${nodeId}`);
    if (process.alive && !process.paused) process.spawn(() => this.brokers.get(nodeId)?.rejoin());
  }

  private heal(): void {
    this.isHealing = true;
    this.world.network.healAll();
    for (const nodeId of NODES) {
      const process = this.world.process(`b${nodeId}`);
      process.resume();
      if (!process.alive) {
        process.restart();
        this.start(nodeId);
      }
      this.reconnect(nodeId);
      // A session that ended while its broker lived: its next heartbeat.
      this.world.after(1000, () => this.reconnect(nodeId));
    }
  }

  private isConverged(): boolean {
    for (const image of this.controller.partitions) {
      if (image.inSyncReplicas.length < image.replicas.length || image.leader < 0) return false;
      const held = image.replicas.map((id) => this.brokers.get(id)?.replicas.partition('t', image.partition));
      const leader = held[image.replicas.indexOf(image.leader)];
      if (leader === undefined || !leader.isLeader || leader.leaderEpoch !== image.leaderEpoch) return false;
      for (const each of held) {
        if (each === undefined || each.leaderEpoch !== image.leaderEpoch) return false;
        if (each.log.logEndOffset !== leader.log.logEndOffset) return false;
        if (each.log.highWatermark !== leader.log.logEndOffset) return false;
      }
    }
    return this.world.timeMs > FAULTS_MS + 1300;
  }

  private checkEnd(): void {
    for (const { partition, leader } of this.controller.partitions) {
      const of = (nodeId: number) => this.brokers.get(nodeId)!.replicas.partition('t', partition)!.log;
      const expected = recordsIn(of(leader), of(leader).logStartOffset);
      for (const nodeId of NODES) {
        const log = of(nodeId);
        for (const [offset, record] of recordsIn(log, Math.max(log.logStartOffset, of(leader).logStartOffset))) {
          const other = expected.get(offset);
          if (other?.id !== record.id || other.epoch !== record.epoch) {
            throw new InvariantError(
              `replicasAreEqual: ${partition} at ${offset}: ${record.id} on ${nodeId}, ${other?.id} on ${leader}`,
            );
          }
        }
        // A power cut can bring back an older log start, not the epochs that went with the records.
        const from = Math.max(
          ...[log, of(leader)].flatMap((each) => [each.logStartOffset, each.epochs.entries[0]?.startOffset ?? 0]),
        );
        const epochs = epochsBetween(log.epochs.entries, from, log.logEndOffset);
        const theirs = epochsBetween(of(leader).epochs.entries, from, log.logEndOffset);
        if (epochs !== theirs)
          throw new InvariantError(`epochsAgree: ${partition}: ${epochs} on ${nodeId}, ${theirs} on ${leader}`);
      }
      const start = of(leader).logStartOffset;
      const byId = new Map<string, number>();
      for (const [offset, { id }] of expected) {
        if (byId.has(id))
          throw new InvariantError(`noDuplicates: ${id} at ${byId.get(id)} and ${offset} of ${partition}`);
        byId.set(id, offset);
      }
      for (const { partition: of, offset, id } of this.ackedIds) {
        if (of !== partition || offset < start) continue;
        if (expected.get(offset)?.id !== id) {
          throw new InvariantError(`ackedIsKept: ${id} at ${offset} of ${partition} is gone`);
        }
      }
    }
  }

  /** An idempotent producer: one batch at a time, each repeated until it is stored. */
  private produce(partition: number, name: string): void {
    const process = this.world.process('client');
    process.spawn(async (ports) => {
      const addressOf = (id: number) => ({ host: `b${id}`, port: 9092 });
      const links = new NodeLinks(ports, { addressOf, reconnectBackoffMs: 10, reconnectBackoffMsMax: 50 });
      let sequence = 0;
      for (let batch = 0; !this.isDone; batch++) {
        const ids = Array.from({ length: 1 + (batch % 3) }, (_, i) => `${name}-${batch}.${i}`);
        const offset = await this.store(ports, links, partition, ids, sequence);
        if (offset === null) return;
        sequence += ids.length;
        if (this.isHealing) break;
        await pause(ports, this.random.integer(60));
      }
    });
  }

  private async store(
    ports: Ports,
    links: NodeLinks,
    partition: number,
    ids: readonly string[],
    baseSequence: number,
  ): Promise<number | null> {
    const value = (id: string) => ({ timestamp: ports.clock.now(), key: null, value: Buffer.from(id) });
    const batch = buildBatch({ producerId: 1000 + partition, producerEpoch: 0, baseSequence, records: ids.map(value) });
    for (;;) {
      const { leader } = this.controller.partitions[partition]!;
      if (leader >= 0) {
        const records = Buffer.from(batch);
        const data = { name: 't', topicId: TOPIC_ID, partitionData: [{ index: partition, records: [records] }] };
        const request = { transactionalId: null, acks: -1, timeoutMs: 400, topicData: [data] };
        try {
          const response = await links.send(leader, Produce, request, { timeoutMs: 600, channel: `p${partition}` });
          const answer = response.responses[0]!.partitionResponses[0]!;
          if (answer.errorCode === ErrorCode.NONE) {
            this.guard(() => {
              this.invariants.check(this.alive());
              this.invariants.acked(partition, answer.baseOffset, ids);
            });
            ids.forEach((id, i) => void this.ackedIds.push({ partition, offset: answer.baseOffset + i, id }));
            return answer.baseOffset;
          }
          if (answer.errorCode === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER) {
            this.guard(() => {
              throw new InvariantError(`producerState: ${ids[0]} is out of order`);
            });
            return null;
          }
        } catch {
          // Whoever lost the connection asks again.
        }
      }
      await pause(ports, 5 + this.random.integer(30));
    }
  }

  private describe(): string {
    const lines: string[] = [];
    for (const image of this.controller.partitions) {
      lines.push(
        `controller ${image.partition}: leader ${image.leader} epoch ${image.leaderEpoch}/${image.partitionEpoch} isr ${image.inSyncReplicas}`,
      );
    }
    for (const broker of this.brokers.values()) {
      lines.push(
        `broker ${broker.nodeId} alive ${broker.process.alive} fenced ${this.controller.isFenced(broker.nodeId)}`,
      );
      for (const each of broker.replicas.all()) lines.push(JSON.stringify(each.inspect()));
      lines.push(...broker.problems.slice(-5));
    }
    lines.push(...this.faults);
    return lines.join('\n');
  }
}

function pause(ports: Ports, ms: number): Promise<void> {
  return new Promise((resolve) => ports.clock.setTimer(ms, resolve));
}

/** An epoch in which nobody wrote is known to its leader only, and logs may begin at different offsets. */
function epochsBetween(entries: readonly LeaderEpochEntry[], from: number, end: number): string {
  const within = entries.filter(
    ({ startOffset }, i) => startOffset < end && (entries[i + 1]?.startOffset ?? end) > from,
  );
  return within.map(({ epoch, startOffset }) => `${epoch}@${Math.max(startOffset, from)}`).join(' ');
}
