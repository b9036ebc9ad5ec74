import { sleep } from '@mqlab/core/ports/clock.ts';
import type { Address, Connection, Listener } from '@mqlab/core/ports/network.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import { afterEach, expect, test } from 'vitest';
import { AppLink } from './app-link.ts';

const ports = realPorts();
const links: AppLink[] = [];
const servers: Listener[] = [];
afterEach(async () => {
  for (const link of links.splice(0)) await link.close();
  for (const server of servers.splice(0)) await server.close();
});

/** Answers what it gets, under its own name. */
async function echo(name: string): Promise<Address> {
  const server = await ports.network.listen({ host: '127.0.0.1', port: 0 }, (connection) => {
    connection.start({
      onData: (chunk) => connection.send([Buffer.from(`${name}: ${chunk.toString()}`)]),
      onClose: () => {},
    });
  });
  servers.push(server);
  return server.address;
}

function newLink(): AppLink {
  const link = new AppLink(ports.network);
  links.push(link);
  return link;
}

class Talk {
  heard = '';
  isOver = false;
  readonly #connection: Connection;

  private constructor(connection: Connection) {
    this.#connection = connection;
    connection.start({
      onData: (chunk) => {
        this.heard += chunk.toString();
      },
      onClose: () => {
        this.isOver = true;
      },
    });
  }

  static async with(link: AppLink, address: Address): Promise<Talk> {
    return new Talk(await link.network.connect(address, 2000));
  }

  say(text: string): void {
    this.#connection.send([Buffer.from(text)]);
  }
}

const QUIET_MS = 100;

test('a link that is cut carries nothing until it is healed, to one address or to all, opened before or after', async () => {
  const [one, other] = [await echo('one'), await echo('other')];
  const link = newLink();
  const toOne = await Talk.with(link, one);
  link.cut('to-app', one);
  link.cut('to-broker', other);
  const toOther = await Talk.with(link, other);
  toOne.say('a');
  toOther.say('b');
  await sleep(ports.clock, QUIET_MS);
  expect([toOne.heard, toOther.heard]).toEqual(['', '']);
  link.heal(one);
  await expect.poll(() => toOne.heard).toBe('one: a');
  expect(toOther.heard).toBe('');
  link.heal();
  await expect.poll(() => toOther.heard).toBe('other: b');
});

test('the next answer is lost with its connection, whichever broker gives it, and only that one', async () => {
  const [one, other] = [await echo('one'), await echo('other')];
  const link = newLink();
  const [toOne, toOther] = [await Talk.with(link, one), await Talk.with(link, other)];
  link.loseNextAnswer();
  toOther.say('b');
  await expect.poll(() => toOther.isOver).toBe(true);
  toOne.say('a');
  await expect.poll(() => toOne.heard).toBe('one: a');
  expect(toOther.heard).toBe('');
});

test('a process that is gone has no connections and makes none; its neighbour keeps its own', async () => {
  const address = await echo('one');
  const [dying, living] = [newLink(), newLink()];
  const [dead, alive] = [await Talk.with(dying, address), await Talk.with(living, address)];
  dying.kill();
  await expect.poll(() => dead.isOver).toBe(true);
  await expect(dying.network.connect(address, 2000)).rejects.toThrow('gone');
  alive.say('a');
  await expect.poll(() => alive.heard).toBe('one: a');
  living.breakAll();
  await expect.poll(() => alive.isOver).toBe(true);
  const again = await Talk.with(living, address);
  again.say('b');
  await expect.poll(() => again.heard).toBe('one: b');
});
