import { expect, test } from 'vitest';
import { BrokerConfig } from '../broker/config.ts';
import { layoutProperties, planCluster, portCount, shapeOf, votersText } from './cluster-layout.ts';

test('a sole broker has no quorum to dial', () => {
  const layout = planCluster({ brokers: 1, controllers: 0 }, 'c', [9092]);
  expect(layoutProperties(layout, layout.nodes[0]!, '/d')).toEqual({
    'node.id': '1',
    'log.dirs': '/d',
    listeners: 'PLAINTEXT://127.0.0.1:9092',
  });
});

test('three brokers are three voters; every node names all of them', () => {
  const shape = { brokers: 3, controllers: 0 };
  expect(portCount(shape)).toBe(6);
  const layout = planCluster(shape, 'c', [1, 2, 3, 4, 5, 6]);
  expect(shapeOf(layout)).toEqual(shape);
  expect(layoutProperties(layout, layout.nodes[1]!, '/d')).toMatchObject({
    'node.id': '2',
    'process.roles': 'broker,controller',
    listeners: 'PLAINTEXT://127.0.0.1:2,CONTROLLER://127.0.0.1:5',
    'controller.quorum.voters': '1@127.0.0.1:4,2@127.0.0.1:5,3@127.0.0.1:6',
    'inter.broker.listener.name': 'PLAINTEXT',
  });
  expect(votersText(layout, ({ id }) => ({ host: `h${id}`, port: 7 }))).toBe('1@h1:7,2@h2:7,3@h3:7');
});

test('controllers of their own: brokers do not vote', () => {
  const layout = planCluster({ brokers: 2, controllers: 3 }, 'c', [1, 2, 3, 4, 5], (id) => `n${id}`);
  expect(shapeOf(layout)).toEqual({ brokers: 2, controllers: 3 });
  const [broker, , controller] = layout.nodes;
  expect(layoutProperties(layout, broker!, '/d')).toMatchObject({
    'process.roles': 'broker',
    listeners: 'PLAINTEXT://n1:1',
  });
  const own = layoutProperties(layout, controller!, '/d');
  expect(own).toMatchObject({ 'node.id': '101', 'process.roles': 'controller', listeners: 'CONTROLLER://n101:3' });
  expect(own).not.toHaveProperty('inter.broker.listener.name');
});

test.each([
  [1, 0],
  [3, 0],
  [2, 3],
  [1, 1],
])('%i brokers and %i controllers: every node takes its settings as they are', (brokers, controllers) => {
  const shape = { brokers, controllers };
  const ports = Array.from({ length: portCount(shape) }, (_, at) => 9000 + at);
  const layout = planCluster(shape, 'c', ports);
  for (const node of layout.nodes) {
    const parsed = BrokerConfig.parse(new Map(Object.entries(layoutProperties(layout, node, '/d'))));
    expect(parsed).toMatchObject({ ok: true, warnings: [] });
  }
});
