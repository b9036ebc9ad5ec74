import { expect, test } from 'vitest';
import type { Connection } from '../ports/network.ts';
import type { Ports } from '../ports/ports.ts';
import { SimWorld } from '../ports/sim/world.ts';
import { readRequestHeader, requestHeaderVersion } from '../protocol/header.ts';
import { Heartbeat } from '../protocol/messages/12-heartbeat.ts';
import { ApiVersions } from '../protocol/messages/18-api-versions.ts';
import { Reader } from '../protocol/reader.ts';
import { type AnyApi, encodeResponse } from './request-codec.ts';
import { RpcClient } from './rpc-client.ts';
import { RpcError } from './rpc-error.ts';
import { type Reply, ServerConnection } from './server-connection.ts';

const PORT = 9092;
const SERVER = { host: 'server', port: PORT };
const LIMITS = { frameBytesMax: 1000, idleMsMax: 60_000, sendQueueBytesMax: 1000 };
const APIS: readonly AnyApi[] = [Heartbeat, ApiVersions];

interface Request {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly body: Record<string, unknown>;
}

type Serve = (request: Request, ports: Ports) => Reply | Promise<Reply>;

function read(frame: Buffer): Request {
  const reader = new Reader(frame);
  const header = readRequestHeader(reader, (key, version) => requestHeaderVersion(api(key), version));
  return { ...header, body: api(header.apiKey).request.read(reader, header.apiVersion) };
}

function api(key: number): AnyApi {
  return APIS.find((each) => each.key === key)!;
}

function versions({ apiVersion, correlationId }: Request): Reply {
  const apiKeys = APIS.map((each) => ({ apiKey: each.key, minVersion: 0, maxVersion: each.request.versionMax }));
  return { kind: 'send', parts: encodeResponse(ApiVersions, apiVersion, correlationId, { errorCode: 0, apiKeys }) };
}

function heartbeat({ apiVersion, correlationId }: Request, errorCode: number): Reply {
  return { kind: 'send', parts: encodeResponse(Heartbeat, apiVersion, correlationId, { errorCode }) };
}

/** A world with a server that answers as `serve` says, and a client process that runs `use`. */
async function inWorld(serve: Serve, use: (ports: Ports, world: SimWorld) => Promise<void>): Promise<string[]> {
  const world = new SimWorld({ seed: 1 });
  const closed: string[] = [];
  const server = world.process('server');
  server.spawn(async (ports) => {
    let id = 0;
    await ports.network.listen(SERVER, (connection) => {
      new ServerConnection(
        id++,
        connection,
        ports.clock,
        LIMITS,
        (frame) => {
          const request = read(frame);
          return request.apiKey === ApiVersions.key ? versions(request) : serve(request, ports);
        },
        { onClose: (_, reason) => closed.push(reason) },
      );
    });
  });
  let isDone = false;
  world.process('client').spawn(async (ports) => {
    await new Promise<void>((resolve) => ports.clock.setTimer(10, resolve));
    await use(ports, world);
    isDone = true;
  });
  await world.run({ until: () => isDone, untilTimeMs: 3_600_000 });
  expect(isDone).toBe(true);
  return closed;
}

const member = (memberId: string) => ({ groupId: 'g', generationId: 1, memberId });
const wait = (ports: Ports, ms: number) => new Promise<void>((resolve) => ports.clock.setTimer(ms, resolve));

test('answers keep the order of requests, although the first one is parked', async () => {
  let inHand = 0;
  await inWorld(
    async (request, ports) => {
      expect(++inHand).toBe(1);
      if (request.body.memberId === '1') await wait(ports, 100);
      inHand--;
      return heartbeat(request, Number(request.body.memberId));
    },
    async (ports) => {
      const client = await RpcClient.connect(ports, SERVER);
      const answers = await Promise.all(['1', '2', '3'].map((id) => client.send(Heartbeat, member(id))));
      expect(answers.map((each) => each.errorCode)).toEqual([1, 2, 3]);
      client.close();
    },
  );
});

test('no more requests are in flight than allowed, and no more wait', async () => {
  await inWorld(
    async (request, ports) => {
      await wait(ports, 10);
      return heartbeat(request, 0);
    },
    async (ports) => {
      const client = await RpcClient.connect(ports, SERVER, { inFlightMax: 2, pendingMax: 1 });
      const calls = ['1', '2', '3', '4'].map((id) => client.send(Heartbeat, member(id)));
      await expect(calls[3]).rejects.toMatchObject({ kind: 'busy', outcome: 'not-sent' });
      await Promise.all(calls.slice(0, 3));
      expect(client.openCount).toBe(0);
    },
  );
});

test('a late answer costs the connection; what was in flight is unknown', async () => {
  await inWorld(
    () => new Promise(() => {}),
    async (ports) => {
      const client = await RpcClient.connect(ports, SERVER);
      const late = client.send(Heartbeat, member('1'), { timeoutMs: 500 });
      const other = client.send(Heartbeat, member('2'));
      const settled = await Promise.allSettled([late, other]);
      expect(settled.map((each) => each.status === 'rejected' && each.reason)).toMatchObject([
        { kind: 'timeout', outcome: 'unknown' },
        { kind: 'connection-lost', outcome: 'unknown' },
      ]);
      expect(client.isClosed).toBe(true);
      await expect(client.send(Heartbeat, member('3'))).rejects.toMatchObject({ outcome: 'not-sent' });
    },
  );
});

test('who may wait for less is told in time, whoever waits for longer before it', async () => {
  await inWorld(
    () => new Promise(() => {}),
    async (ports) => {
      const client = await RpcClient.connect(ports, SERVER);
      const patient = client.send(Heartbeat, member('1'), { timeoutMs: 30_000 });
      const late = client.send(Heartbeat, member('2'), { timeoutMs: 500 });
      const sentMs = ports.clock.monotonic();
      await expect(late).rejects.toMatchObject({ kind: 'timeout' });
      expect(ports.clock.monotonic() - sentMs).toBe(500);
      await expect(patient).rejects.toMatchObject({ kind: 'connection-lost' });
    },
  );
});

test('a connection that breaks fails what is in flight; no address fails at connect', async () => {
  await inWorld(
    () => new Promise(() => {}),
    async (ports, world) => {
      const client = await RpcClient.connect(ports, SERVER);
      const call = client.send(Heartbeat, member('1'));
      world.process('server').crash();
      await expect(call).rejects.toBeInstanceOf(RpcError);
      await expect(call).rejects.toMatchObject({ kind: 'connection-lost', outcome: 'unknown' });
      await expect(RpcClient.connect(ports, SERVER, { connectTimeoutMs: 100 })).rejects.toMatchObject({
        kind: 'connect-failed',
        outcome: 'not-sent',
      });
    },
  );
});

test('an older broker: 35 in version 0, then the version that it has', async () => {
  const asked: number[] = [];
  const world = new SimWorld({ seed: 2 });
  world.process('server').spawn(async (ports) => {
    await ports.network.listen(SERVER, (connection) => {
      new ServerConnection(
        0,
        connection,
        ports.clock,
        LIMITS,
        (frame) => {
          const { apiVersion, correlationId } = read(frame);
          asked.push(apiVersion);
          const apiKeys = [{ apiKey: ApiVersions.key, minVersion: 0, maxVersion: 2 }];
          const isOk = apiVersion <= 2;
          const version = isOk ? apiVersion : 0;
          const body = { errorCode: isOk ? 0 : 35, apiKeys };
          return { kind: 'send', parts: encodeResponse(ApiVersions, version, correlationId, body) };
        },
        { onClose: () => {} },
      );
    });
  });
  let client: RpcClient | null = null;
  world.process('client').spawn(async (ports) => {
    await wait(ports, 5);
    client = await RpcClient.connect(ports, SERVER);
  });
  await world.run({ until: () => client !== null, untilTimeMs: 10_000 });
  expect(asked).toEqual([4, 2]);
  expect(client!.versionOf(ApiVersions as AnyApi)).toBe(2);
  await expect(client!.send(Heartbeat, member('1'))).rejects.toMatchObject({ kind: 'unsupported-version' });
});

/** A bare connection that writes bytes. */
async function raw(ports: Ports): Promise<{ connection: Connection; closed: Promise<void>; received: () => number }> {
  const connection = await ports.network.connect(SERVER, 1000);
  let received = 0;
  const closed = new Promise<void>((resolve) => {
    connection.start({
      onData: (chunk) => {
        received += chunk.length;
      },
      onClose: () => resolve(),
    });
  });
  return { connection, closed, received: () => received };
}

test.each([
  ['a frame that is too large', Buffer.from('7fffffff', 'hex')],
  ['a negative size', Buffer.from('ffffffff', 'hex')],
  ['a frame too small for a request', Buffer.from('0000000412345678', 'hex')],
  ['a body that cannot be read', Buffer.from('0000000c000c0000000000010000ffff', 'hex')],
])('%s closes the connection', async (_, bytes) => {
  const closed = await inWorld(
    (request) => heartbeat(request, 0),
    async (ports) => {
      const { connection, closed: ended } = await raw(ports);
      connection.send([bytes]);
      await ended;
    },
  );
  expect(closed).toHaveLength(1);
});

test('a silent client is closed after the idle time, a parked one is not', async () => {
  let parked: (reply: Reply) => void = () => {};
  const closed = await inWorld(
    () =>
      new Promise((resolve) => {
        parked = resolve;
      }),
    async (ports) => {
      const client = await RpcClient.connect(ports, SERVER, { requestTimeoutMs: 1_000_000 });
      void client.send(Heartbeat, member('1')).catch(() => {});
      const { closed: ended } = await raw(ports);
      const startMs = ports.clock.monotonic();
      await ended;
      expect(ports.clock.monotonic() - startMs).toBeGreaterThanOrEqual(LIMITS.idleMsMax - 1);
      expect(client.isClosed).toBe(false);
    },
  );
  expect(parked).toBeTypeOf('function');
  expect(closed).toEqual([expect.stringContaining('idle')]);
});

test('a muted connection is not read before its time', async () => {
  await inWorld(
    (request) => ({ ...(heartbeat(request, 0) as Extract<Reply, { kind: 'send' }>), muteMs: 500 }),
    async (ports) => {
      const client = await RpcClient.connect(ports, SERVER);
      const startMs = ports.clock.monotonic();
      await client.send(Heartbeat, member('1'));
      expect(ports.clock.monotonic() - startMs).toBeLessThan(100);
      await client.send(Heartbeat, member('2'));
      expect(ports.clock.monotonic() - startMs).toBeGreaterThanOrEqual(500);
    },
  );
});
