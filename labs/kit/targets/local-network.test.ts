import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { LocalNetwork } from './local-network.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Answers what it hears, in capitals. */
async function listen(port: number): Promise<void> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => socket.write(chunk.toString().toUpperCase()));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  closers.push(() => new Promise((resolve) => server.close(resolve)));
}

function dial(port: number): { say: (text: string) => void; heard: () => string } {
  let heard = '';
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.on('data', (chunk) => (heard += chunk));
  closers.push(() => socket.destroy());
  return { say: (text) => socket.write(text), heard: () => heard };
}

const settle = (ms = 60): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function openNetwork(): Promise<LocalNetwork> {
  const network = await LocalNetwork.open({ brokers: 3, controllers: 0 }, 'c2ltdWxhdGVkLWNsdXN0ZQ');
  closers.push(() => network.close());
  return network;
}

function propertiesOf(network: LocalNetwork, id: number): Record<string, string> {
  return network.propertiesOf(network.layout.nodes.find((node) => node.id === id)!, '/d');
}

/** Where node `from` finds the controller, and the broker, of node `to`. */
function controllerPort(network: LocalNetwork, from: number, to: number): number {
  const voters = propertiesOf(network, from)['controller.quorum.voters']!.split(',');
  return Number(voters.find((voter) => voter.startsWith(`${to}@`))!.split(':')[1]);
}

function brokerPort(network: LocalNetwork, from: number, to: number): number {
  const name = propertiesOf(network, from)['inter.broker.listener.name']!;
  const told = propertiesOf(network, to)['advertised.listeners']!.split(',');
  return Number(
    told
      .find((each) => each.startsWith(`${name}://`))!
      .split(':')
      .at(-1),
  );
}

function listenerPort(network: LocalNetwork, id: number, name: string): number {
  const own = propertiesOf(network, id).listeners!.split(',');
  return Number(
    own
      .find((each) => each.startsWith(`${name}://`))!
      .split(':')
      .at(-1),
  );
}

test('each pair of nodes has its own way, to the controller and to the broker; to itself a node goes straight', async () => {
  const network = await openNetwork();
  const ways = [1, 2, 3].flatMap((from) =>
    [1, 2, 3].flatMap((to) => [controllerPort(network, from, to), brokerPort(network, from, to)]),
  );
  expect(new Set(ways).size).toBe(ways.length);
  const two = network.layout.nodes[1]!;
  expect(controllerPort(network, 2, 2)).toBe(two.controllerPort);
  expect(brokerPort(network, 2, 2)).toBe(listenerPort(network, 2, 'NODE_2'));
});

test('a cut between two nodes stops both of their ways and nobody else; one way only is one way only', async () => {
  const network = await openNetwork();
  await listen(network.layout.nodes[1]!.controllerPort);
  await listen(listenerPort(network, 2, 'NODE_1'));
  const asController = dial(controllerPort(network, 1, 2));
  const asBroker = dial(brokerPort(network, 1, 2));
  const ofOther = dial(controllerPort(network, 3, 2));
  const all = [asController, asBroker, ofOther];
  for (const each of all) each.say('a');
  for (const each of all) await expect.poll(each.heard).toBe('A');
  network.cut(2, 1, 'both');
  for (const each of all) each.say('b');
  await expect.poll(ofOther.heard).toBe('AB');
  await settle();
  expect([asController.heard(), asBroker.heard()]).toEqual(['A', 'A']);
  network.heal(1, 2);
  for (const each of all) await expect.poll(each.heard).toBe('AB');

  // What node 2 sends is lost: requests arrive, answers do not.
  network.cut(1, 2, 'b-to-a');
  asController.say('c');
  await settle();
  expect(asController.heard()).toBe('AB');
  network.healAll();
  await expect.poll(asController.heard).toBe('ABC');
});

test('a slow link takes its time', async () => {
  const network = await openNetwork();
  await listen(network.layout.nodes[1]!.controllerPort);
  const dialled = dial(controllerPort(network, 1, 2));
  dialled.say('a');
  await expect.poll(dialled.heard).toBe('A');
  network.slow(1, 2, { latencyMs: 100 });
  const began = performance.now();
  dialled.say('b');
  dialled.say('c');
  await expect.poll(dialled.heard, { interval: 5 }).toBe('ABC');
  expect(performance.now() - began).toBeGreaterThan(190);
});
