import { describe, expect, test } from 'vitest';
import { sleep } from '../clock.ts';
import { FileSlice } from '../files.ts';
import type { Connection } from '../network.ts';
import { EventQueue, type SimEvent } from './event-queue.ts';
import { SimRandom } from './random.ts';
import { SimRunError, SimWorld } from './world.ts';

/** Two processes that talk, write and flush until the time is up. */
async function busyWorld(seed: number): Promise<string> {
  const world = new SimWorld({ seed });
  const server = world.process('server');
  server.spawn(async ({ files, network, random }) => {
    const file = files.open('/log', 'create');
    await network.listen({ host: 'server', port: 9092 }, (connection) => {
      connection.start({
        onData: (chunk) => {
          const position = file.append([chunk, random.bytes(3)]);
          void file.flush().then(() => connection.send([new FileSlice(file, position, chunk.byteLength)]));
        },
        onClose: () => {},
      });
    });
  });
  for (const name of ['a', 'b', 'c']) {
    world.process(name).spawn(async ({ clock, network, random }) => {
      await sleep(clock, 1);
      const connection = await network.connect({ host: 'server', port: 9092 }, 100);
      connection.start({ onData: () => connection.send([random.bytes(1 + random.integer(2000))]), onClose: () => {} });
      connection.send([random.bytes(10)]);
    });
  }
  world.after(50, () => world.network.cut('a', 'server'));
  world.after(80, () => world.network.heal('a', 'server'));
  await world.run({ untilTimeMs: 120 });
  return `${world.hash()} ${server.disk.hash()} ${world.eventCount}`;
}

describe('determinism', () => {
  test('one seed twice gives the same bytes, another seed others', async () => {
    const first = await busyWorld(42);
    expect(await busyWorld(42)).toBe(first);
    expect(await busyWorld(43)).not.toBe(first);
  });

  test('streams of randomness do not depend on one another', () => {
    const a = new SimRandom(7, 'a');
    const again = new SimRandom(7, 'a');
    const other = new SimRandom(7, 'b');
    const draws = Array.from({ length: 5 }, () => a.integer(1000));
    other.bytes(100);
    expect(Array.from({ length: 5 }, () => again.integer(1000))).toEqual(draws);
    expect(Array.from({ length: 5 }, () => new SimRandom(7, 'b').integer(1000))).not.toEqual(draws);
  });

  test('the agenda is ordered by time, then by scheduling, through cancellations', () => {
    const queue = new EventQueue();
    const random = new SimRandom(1, 'queue');
    const events: SimEvent[] = [];
    for (let sequence = 0; sequence < 3000; sequence += 1) {
      const timeMs = random.integer(50);
      events.push({ timeMs, sequence, life: null, kind: 0, callback: () => {}, cancelled: false, inQueue: false });
      queue.push(events[sequence]!);
    }
    const kept = events.filter((event) => {
      if (random.chance(0.3)) return true;
      queue.cancel(event);
      return false;
    });
    kept.sort((x, y) => x.timeMs - y.timeMs || x.sequence - y.sequence);
    expect(queue.size).toBe(kept.length);
    expect(kept.every((event) => queue.pop() === event)).toBe(true);
    expect(queue.pop()).toBeNull();
  });
});

describe('running', () => {
  test('virtual time costs nothing, and a run ends when nothing is left', async () => {
    const world = new SimWorld({ seed: 1 });
    const { clock } = world.process('a').ports;
    let woken = 0;
    clock.setTimer(365 * 24 * 3_600_000, () => {
      woken = clock.now();
    });
    const result = await world.run();
    expect(result.reason).toBe('empty');
    expect(woken - world.startTimeMs).toBe(365 * 24 * 3_600_000);
  });

  test('all microtasks that follow from an event are done before the next one', async () => {
    const world = new SimWorld({ seed: 1 });
    const { clock } = world.process('a').ports;
    const order: string[] = [];
    clock.setTimer(1, async () => {
      for (let hop = 0; hop < 100; hop += 1) await null;
      order.push('first');
    });
    clock.setTimer(1, () => order.push('second'));
    await world.run();
    expect(order).toEqual(['first', 'second']);
  });

  test('a loop that never ends is an error that names the seed', async () => {
    const world = new SimWorld({ seed: 77 });
    const { clock } = world.process('a').ports;
    const again = () => clock.defer(again);
    again();
    await expect(world.run({ maxEvents: 1000 })).rejects.toThrow(/1000 events.*seed 77/);
  });

  test('errors and rejections end the run with the process and the seed, and crash the process', async () => {
    for (const kind of ['throw', 'reject'] as const) {
      const world = new SimWorld({ seed: 5 });
      const process = world.process('culprit');
      process.ports.clock.setTimer(3, () => {
        if (kind === 'throw') throw new Error('broken invariant');
        void Promise.reject(new Error('broken invariant'));
      });
      world.process('other').ports.clock.setTimer(4, () => {});
      const error: SimRunError = await world.run().catch((thrown) => thrown);
      expect(error).toBeInstanceOf(SimRunError);
      expect(error.message).toMatch(/culprit failed at virtual 3\.000 ms: Error: broken invariant \(seed 5\)/);
      expect(error.failure?.process).toBe('culprit');
      expect(process.alive).toBe(false);
    }
  });

  test('recorded failures let the others go on', async () => {
    const world = new SimWorld({ seed: 5, onFailure: 'record' });
    world.process('culprit').spawn(() => Promise.reject(new Error('x')));
    let reached = false;
    world.process('other').ports.clock.setTimer(4, () => {
      reached = true;
    });
    await world.run();
    expect(reached).toBe(true);
    expect(world.failures.map((failure) => failure.process)).toEqual(['culprit']);
  });

  test('settle says so when a promise can no longer settle', async () => {
    const world = new SimWorld({ seed: 9 });
    await expect(world.settle(new Promise(() => {}))).rejects.toThrow(/nothing is left to happen \(seed 9\)/);
    const slow = sleep(world.process('a').ports.clock, 100);
    await expect(world.settle(slow, { untilTimeMs: 50 })).rejects.toThrow(/time is up/);
    await expect(world.settle(slow)).resolves.toBeUndefined();
  });
});

describe('processes', () => {
  test('a crash silences timers, callbacks and pending promises, and keeps the page cache', async () => {
    const world = new SimWorld({ seed: 1 });
    const process = world.process('a');
    const log: string[] = [];
    process.spawn(async ({ clock, files }) => {
      const file = files.open('/f', 'create');
      file.append([Buffer.from('unflushed')]);
      files.lock('/.lock');
      clock.setTimer(5, () => log.push('timer'));
      void file.flush().then(() => log.push('flushed'));
      await sleep(clock, 10);
      log.push('woke');
    });
    world.after(0.01, () => process.crash());
    await world.run();
    expect(log).toEqual([]);
    expect(() => process.ports.files.exists('/f')).toThrow('has ended');
    const { files } = process.restart();
    const content = Buffer.alloc(20);
    expect(content.toString('utf8', 0, files.open('/f', 'read').readInto(content, 0))).toBe('unflushed');
    expect(files.lock('/.lock')).not.toBeNull();
  });

  test('a paused process stands still, and resumes where it was', async () => {
    const world = new SimWorld({ seed: 1 });
    const process = world.process('a');
    const fired: [string, number][] = [];
    for (const [name, delayMs] of [
      ['x', 10],
      ['y', 20],
      ['z', 90],
    ] as const) {
      process.ports.clock.setTimer(delayMs, () => fired.push([name, world.timeMs]));
    }
    const cancelled = process.ports.clock.setTimer(15, () => fired.push(['never', 0]));
    world.after(5, () => process.pause());
    world.after(50, () => {
      cancelled.cancel();
      process.resume();
    });
    await world.run();
    expect(fired).toEqual([
      ['x', 50],
      ['y', 50],
      ['z', 90],
    ]);
  });

  test('clocks may be skewed and drift', async () => {
    const world = new SimWorld({ seed: 1 });
    const process = world.process('a');
    process.setClock({ skewMs: -5000, driftPpm: 100_000 });
    const { clock } = process.ports;
    expect(clock.now()).toBe(world.startTimeMs - 5000);
    await world.settle(sleep(clock, 1100));
    expect(world.timeMs).toBeCloseTo(1000);
    expect(clock.monotonic()).toBeCloseTo(1100);
  });

  test('two processes on one disk exclude each other by its lock', () => {
    const world = new SimWorld({ seed: 1 });
    const a = world.process('a');
    const b = world.process('b', { disk: a.disk });
    expect(a.ports.files.lock('/.lock')).not.toBeNull();
    expect(b.ports.files.lock('/.lock')).toBeNull();
    a.crash();
    expect(b.ports.files.lock('/.lock')).not.toBeNull();
  });
});

describe('links', () => {
  interface Wire {
    readonly world: SimWorld;
    readonly client: Connection;
    readonly got: string[];
    readonly closes: Record<'client' | 'server', string[]>;
    server: Connection;
  }

  /** A connected pair; the server notes what it gets. */
  async function wire(seed = 1): Promise<Wire> {
    const world = new SimWorld({ seed, link: { splitChance: 0 } });
    const closes = { client: [] as string[], server: [] as string[] };
    const got: string[] = [];
    let server: Connection | undefined;
    const listening = world.process('server').ports.network.listen({ host: 'server', port: 1 }, (connection) => {
      server = connection;
      connection.start({
        onData: (chunk) => got.push(chunk.toString()),
        onClose: (error) => closes.server.push(error?.code ?? 'end'),
      });
    });
    await world.settle(listening);
    const client = await world.settle(world.process('client').ports.network.connect({ host: 'server', port: 1 }, 100));
    client.start({ onData: () => {}, onClose: (error) => closes.client.push(error?.code ?? 'end') });
    await world.run();
    return { world, client, got, closes, server: server! };
  }

  test('a cut stalls, a heal goes on, in order', async () => {
    const { world, client, got, closes } = await wire();
    world.network.cut('client', 'server');
    client.send([Buffer.from('a')]);
    client.send([Buffer.from('b')]);
    world.after(1000, () => world.network.heal('client', 'server'));
    await world.run({ untilTimeMs: world.timeMs + 999 });
    expect(got).toEqual([]);
    await world.run();
    expect(got).toEqual(['a', 'b']);
    expect(closes).toEqual({ client: [], server: [] });
  });

  test('a cut that lasts ends the sender with ETIMEDOUT; the silent peer does not know', async () => {
    const { world, client, closes } = await wire();
    world.network.cut('client', 'server');
    client.send([Buffer.from('a')]);
    await world.run();
    expect(closes).toEqual({ client: ['ETIMEDOUT'], server: [] });
    const late = world.process('client').ports.network.connect({ host: 'server', port: 1 }, 3000);
    await expect(world.settle(late)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  });

  test('a break loses what is in flight and tells both', async () => {
    const { world, client, got, closes } = await wire();
    client.send([Buffer.from('lost')]);
    expect(world.network.break('client', 'server')).toBe(1);
    // It does not know yet; on a stream nothing arrives behind a gap.
    client.send([Buffer.from('behind it')]);
    await world.run();
    expect(got).toEqual([]);
    expect(closes).toEqual({ client: ['ECONNRESET'], server: ['ECONNRESET'] });
  });

  test('a crash resets its peers, and the next connect is refused', async () => {
    const { world, server, got, closes } = await wire();
    server.send([Buffer.from('lost')]);
    world.process('server').crash();
    await world.run();
    expect(got).toEqual([]);
    expect(closes).toEqual({ client: ['ECONNRESET'], server: [] });
    const refused = world.process('client').ports.network.connect({ host: 'server', port: 1 }, 3000);
    await expect(world.settle(refused)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('a host without power is silent; after its return it resets what it does not know', async () => {
    const { world, client, closes } = await wire();
    world.powerCut(['server']);
    client.send([Buffer.from('into the dark')]);
    await world.run({ untilTimeMs: world.timeMs + 1000 });
    expect(closes.client).toEqual([]);
    world.process('server').restart();
    await world.run();
    expect(closes.client).toEqual(['ECONNRESET']);
  });

  test('a paused receiver gets its bytes when it resumes', async () => {
    const { world, client, got } = await wire();
    world.process('server').pause();
    client.send([Buffer.from('a')]);
    await world.run();
    expect(got).toEqual([]);
    world.process('server').resume();
    await world.run();
    expect(got).toEqual(['a']);
  });

  test('an interceptor drops the connection before or after one chosen send, or delays it', async () => {
    for (const verdict of ['drop-connection-before', 'drop-connection-after'] as const) {
      const { world, client, got, closes } = await wire();
      world.network.intercept((event) => (event.side === 'client' && event.sequence === 1 ? verdict : 'deliver'));
      for (const text of ['0', '1', '2']) client.send([Buffer.from(text)]);
      await world.run();
      expect(got).toEqual(verdict === 'drop-connection-before' ? ['0'] : ['0', '1']);
      expect(closes).toEqual({ client: ['ECONNRESET'], server: ['ECONNRESET'] });
    }
    const { world, client, got } = await wire();
    const remove = world.network.intercept((event) =>
      event.data().toString() === 'slow' ? { delayMs: 50 } : 'deliver',
    );
    const before = world.timeMs;
    client.send([Buffer.from('slow')]);
    client.send([Buffer.from('behind')]);
    await world.run();
    expect(got).toEqual(['slow', 'behind']);
    expect(world.timeMs - before).toBeGreaterThanOrEqual(50);
    remove();
  });

  test('bandwidth takes its time', async () => {
    const { world, client } = await wire();
    world.network.link('client', 'server', { latencyMs: [1, 1], bytesPerMs: 1000 });
    const before = world.timeMs;
    client.send([Buffer.alloc(50_000)]);
    client.send([Buffer.alloc(50_000)]);
    await world.run();
    expect(world.timeMs - before).toBeCloseTo(101);
  });

  test('a chunk that is kept is overwritten', async () => {
    const { world, client, server } = await wire();
    const kept: Buffer[] = [];
    client.send([Buffer.from('x')]);
    await world.run();
    const peer = world.process('client').ports.network;
    await world.settle(
      world.process('server').ports.network.listen({ host: 'server', port: 2 }, (connection) => {
        connection.start({ onData: (chunk) => kept.push(chunk), onClose: () => {} });
      }),
    );
    const second = await world.settle(peer.connect({ host: 'server', port: 2 }, 100));
    second.start({ onData: () => {}, onClose: () => {} });
    second.send([Buffer.from('mine')]);
    await world.run();
    expect(kept[0]!.toString()).not.toBe('mine');
    server.destroy();
  });
});
