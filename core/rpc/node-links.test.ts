import { expect, test } from 'vitest';
import { SimWorld } from '../ports/sim/world.ts';
import { ApiVersions } from '../protocol/messages/18-api-versions.ts';
import { NodeLinks } from './node-links.ts';

test('the time of a request bounds the connecting too: a node that takes connections and says nothing holds nobody up', async () => {
  const world = new SimWorld({ seed: 1 });
  world.process('mute').spawn(async ({ network }) => {
    await network.listen({ host: 'mute', port: 1 }, (connection) => {
      connection.start({ onData: () => {}, onDrain: () => {}, onClose: () => {} });
    });
  });
  const took: number[] = [];
  world.process('asker').spawn(async (ports) => {
    const links = new NodeLinks(ports, { addressOf: () => ({ host: 'mute', port: 1 }) });
    for (let i = 0; i < 3; i++) {
      const beganMs = ports.clock.monotonic();
      const body = { clientSoftwareName: 'asker', clientSoftwareVersion: '1' };
      await expect(links.send(1, ApiVersions, body, { timeoutMs: 300 })).rejects.toThrow('within 300 ms');
      took.push(Math.round(ports.clock.monotonic() - beganMs));
    }
    links.close();
  });
  await world.run({ until: () => took.length === 3, untilTimeMs: 60_000 });
  expect(took).toEqual([300, 300, 300]);
});
