/**
 * G1c: transactions that follow from each other in a circle in which somebody read what another wrote. WRITE-CYCLE: the same with writes alone, which Kafka
 * allows, since it does not isolate writers.
 *
 * Vertices are transactions; an operation outside a transaction is one of its own. Edges: write-write from a log's order, write-read from writer to reader.
 * A strongly connected component with a write-read edge inside holds such a cycle; the evidence is a shortest one through that edge.
 */
import { partitionName } from '../history.ts';
import { familyCheck } from './check.ts';
import type { HistoryIndex } from './index-history.ts';

interface Graph {
  readonly edges: Map<number, Map<number, 'ww' | 'wr'>>;
  readonly names: string[];
  readonly operations: number[];
}

export const cycles = familyCheck(['G1c', 'WRITE-CYCLE'], (index, findings) => {
  const graph = buildGraph(index);
  for (const component of components(graph.edges, graph.names.length)) {
    if (component.length < 2) continue;
    const inside = new Set(component);
    let from = component[0]!;
    let to = -1;
    let isRead = false;
    for (const vertex of component) {
      for (const [next, kind] of graph.edges.get(vertex) ?? []) {
        if (!inside.has(next) || isRead) continue;
        if (kind === 'wr' || to < 0) {
          from = vertex;
          to = next;
          isRead = kind === 'wr';
        }
      }
    }
    const circle = [from, ...shortestPath(graph.edges, inside, to, from)];
    const names = circle.map((vertex) => graph.names[vertex]!);
    findings[isRead ? 'G1c' : 'WRITE-CYCLE'].add(
      { operations: circle.slice(0, -1).map((vertex) => graph.operations[vertex]!), legal: !isRead },
      () => `${names.join(' → ')}: ${isRead ? 'a circle with a read of the other’s write' : 'a circle of writes'}.`,
    );
  }
});

function buildGraph(index: HistoryIndex): Graph {
  const graph: Graph = { edges: new Map(), names: [], operations: [] };
  const vertices = new Map<string, number>();
  const vertexOf = (name: string, operation: number): number => {
    let vertex = vertices.get(name);
    if (vertex === undefined) {
      vertex = graph.names.length;
      vertices.set(name, vertex);
      graph.names.push(name);
      graph.operations.push(operation);
    }
    return vertex;
  };
  const join = (from: number, to: number, kind: 'ww' | 'wr'): void => {
    if (from === to) return;
    let targets = graph.edges.get(from);
    if (targets === undefined) graph.edges.set(from, (targets = new Map()));
    if (kind === 'wr' || !targets.has(to)) targets.set(to, kind);
  };
  const writerOf = (value: string): number | null => {
    const send = index.sendOf.get(value);
    if (send === undefined || send.outcome === 'fail') return null;
    const transaction = send.data.transaction;
    if (transaction !== undefined && index.transactions.get(transaction) === 'fail') return null;
    return vertexOf(transaction ?? `send ${value}`, send.start);
  };

  for (const log of index.partitions.values()) {
    let before: number | null = null;
    for (const offset of log.offsets) {
      const writer = writerOf(log.at.get(offset)![0]!.value);
      if (writer === null) continue;
      if (before !== null) join(before, writer, 'ww');
      before = writer;
    }
  }
  for (const call of index.calls) {
    if (call.data.type !== 'poll' || call.outcome !== 'ok' || call.data.transaction === undefined) continue;
    const reader = vertexOf(call.data.transaction, call.start);
    for (const record of call.data.records) {
      const name = partitionName(record.topic, record.partition);
      const writer = index.partitions.has(name) ? writerOf(record.value) : null;
      if (writer !== null) join(writer, reader, 'wr');
    }
  }
  return graph;
}

/** Tarjan's strongly connected components, with a stack of our own: histories are long. */
function components(edges: Graph['edges'], count: number): number[][] {
  const order = new Int32Array(count).fill(-1);
  const low = new Int32Array(count);
  const onStack = new Uint8Array(count);
  const stack: number[] = [];
  const found: number[][] = [];
  let next = 0;
  for (let root = 0; root < count; root++) {
    if (order[root] !== -1) continue;
    const work: { vertex: number; targets: Iterator<number> }[] = [];
    const enter = (vertex: number): void => {
      order[vertex] = low[vertex] = next++;
      stack.push(vertex);
      onStack[vertex] = 1;
      work.push({ vertex, targets: (edges.get(vertex)?.keys() ?? [][Symbol.iterator]()) as Iterator<number> });
    };
    enter(root);
    while (work.length > 0) {
      const { vertex, targets } = work.at(-1)!;
      const step = targets.next();
      if (!step.done) {
        if (order[step.value] === -1) enter(step.value);
        else if (onStack[step.value] === 1) low[vertex] = Math.min(low[vertex]!, order[step.value]!);
        continue;
      }
      work.pop();
      const parent = work.at(-1)?.vertex;
      if (parent !== undefined) low[parent] = Math.min(low[parent]!, low[vertex]!);
      if (low[vertex] !== order[vertex]) continue;
      const component: number[] = [];
      for (let member = -1; member !== vertex; ) {
        member = stack.pop()!;
        onStack[member] = 0;
        component.push(member);
      }
      found.push(component.sort((a, b) => a - b));
    }
  }
  return found;
}

/** Vertices from `from` to `to` inside the component, both included. */
function shortestPath(edges: Graph['edges'], inside: ReadonlySet<number>, from: number, to: number): number[] {
  const cameFrom = new Map<number, number>([[from, from]]);
  const queue = [from];
  for (let at = 0; at < queue.length && !cameFrom.has(to); at++) {
    for (const next of edges.get(queue[at]!)?.keys() ?? []) {
      if (!inside.has(next) || cameFrom.has(next)) continue;
      cameFrom.set(next, queue[at]!);
      queue.push(next);
    }
  }
  const path = [to];
  while (path[0] !== from) path.unshift(cameFrom.get(path[0]!)!);
  return path;
}
