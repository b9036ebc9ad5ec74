import { SimCluster } from './sim-cluster.ts';

/** A plan of faults, all of it drawn from the seed: a time of faults, then everything heals and has to work within a bound. */
const FAULTS_MS = 1800;
const HEALED_MS = 8000;

export interface PlanResult {
  readonly hash: string;
  readonly acknowledged: number;
  readonly committed: number;
  readonly epochs: number;
  readonly snapshotsTaken: number;
}

export async function runPlan(seed: number): Promise<PlanResult> {
  const voters = [1, 3, 3, 3, 5][seed % 5]!;
  const cluster = new SimCluster({ seed, voters, observers: (seed >>> 3) % 3 });
  const { world } = cluster;
  const random = world.random('plan');
  const later = (delayMs: number, action: () => void) => world.after(delayMs, action);
  const proposeEveryMs = 5 + random.integer(40);
  const propose = (): void => {
    cluster.propose();
    later(proposeEveryMs, propose);
  };
  propose();
  cluster.isSlow = random.integer(2) === 0;
  // What is not on the device yet, a power cut loses: slow devices make that more.
  if (random.integer(2) === 0) for (const { process } of cluster.all) process.disk.flushLatencyMs = [1, 40];
  const faultEveryMs = [60, 300][random.integer(2)]!;
  const fault = (): void => {
    if (world.timeMs > FAULTS_MS) return;
    injectFault(cluster, random.integer(13), (bound) => random.integer(bound));
    later(10 + random.integer(faultEveryMs), fault);
  };
  later(random.integer(400), fault);
  await cluster.run(FAULTS_MS);
  cluster.heal();
  for (const { process } of cluster.all) process.disk.flushLatencyMs = [0.1, 0.4];
  const { acknowledged } = cluster;
  const before = acknowledged.length;
  const isWell = () => {
    const { leader } = cluster;
    if (leader === undefined || acknowledged.length < before + 5) return false;
    const { highWatermark } = leader.quorum;
    return cluster.live.every(({ quorum }) => quorum.lastAppliedOffset >= highWatermark - 20);
  };
  if (!(await cluster.run(world.timeMs + HEALED_MS, isWell))) {
    const states = cluster.all.map(
      ({ id, quorum }) =>
        `n${id}: ${quorum.state} ${JSON.stringify(quorum.leader)} ${quorum.lastAppliedOffset}/${quorum.logEndOffset}`,
    );
    throw new Error(`healed, and no leader that commits within ${HEALED_MS} ms: ${states.join('; ')}`);
  }
  const epochs = cluster.leader!.quorum.leader.epoch;
  const snapshotsTaken = cluster.live.filter(({ machine }) => machine.resets > 0).length;
  return {
    hash: world.hash(),
    acknowledged: acknowledged.length,
    committed: cluster.ledger.size,
    epochs,
    snapshotsTaken,
  };
}

function injectFault(cluster: SimCluster, kind: number, integer: (bound: number) => number): void {
  const { world, all } = cluster;
  const node = all[integer(all.length)]!;
  const { process, id } = node;
  const afterwards = (delayMs: number, action: () => void) => world.after(delayMs, action);
  const startAgain = () => {
    if (!process.alive) cluster.start(id);
  };
  switch (kind) {
    case 0:
    case 1:
      process.crash();
      return afterwards(integer(600), startAgain);
    case 2:
    case 10:
    case 11: {
      world.powerCut([process.name]);
      return afterwards(integer(kind === 2 ? 600 : 30), startAgain);
    }
    case 3: {
      const names = all.filter(() => integer(2) === 0).map((each) => each.process.name);
      world.powerCut(names);
      return afterwards(integer(300), () => {
        for (const each of all) if (!each.process.alive) cluster.start(each.id);
      });
    }
    case 4:
    case 5: {
      // The leader, or whoever it is, alone; or one direction of one link.
      const target = integer(2) === 0 ? (cluster.leader ?? node) : node;
      for (const other of all) {
        if (other.id === target.id) continue;
        cluster.cuts.add(`${target.id}>${other.id}`);
        if (kind === 4) cluster.cuts.add(`${other.id}>${target.id}`);
      }
      return afterwards(integer(1200), () => cluster.cuts.clear());
    }
    case 6: {
      const other = all[integer(all.length)]!;
      cluster.cuts.add(`${id}>${other.id}`);
      return afterwards(integer(800), () => cluster.cuts.clear());
    }
    case 7:
      process.pause();
      return afterwards(integer(1000), () => process.resume());
    case 8:
      return process.setClock({ driftPpm: integer(200_000) - 100_000, skewMs: integer(10_000) - 5000 });
    case 9: {
      if (!process.alive || process.paused || process.life !== node.life) return;
      cluster.close(node);
      return afterwards(300 + integer(600), startAgain);
    }
    default:
      cluster.isSlow = !cluster.isSlow;
  }
}
