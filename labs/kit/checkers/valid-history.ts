/**
 * Histories for the tests of the checkers: a terse way to write one by hand, and an arbitrary of random ones that a faultless queue and application would leave.
 *
 * Invariant: what `validHistory` makes is clean for every checker: unknown sends land or not, failed ones never do, consumers come and go,
 * each record takes effect once, in order, before it is committed, and at the end everything is drained and read afresh.
 */
import fc from 'fast-check';
import type { History, Operation, OperationData, SeenRecord } from '../history.ts';
import { Recorder } from '../history.ts';

/** A recorder whose time is the number of the operation. */
export function handwritten(): Recorder {
  let time = 0;
  return new Recorder(() => time++);
}

export function record(
  offset: number,
  value: string,
  key: string | null = 'k',
  partition = 0,
  topic = 't',
): SeenRecord {
  return { topic, partition, offset, key, value };
}

/** An acknowledged send, whole. */
export function sent(to: Recorder, value: string, offset: number, key = 'k', process = 'p1', partition = 0): void {
  const call = to.invoke(process, { type: 'send', topic: 't', key, value });
  to.ok(call, { type: 'send', topic: 't', partition, offset, key, value });
}

export function polled(to: Recorder, process: string, ...records: SeenRecord[]): void {
  to.note(process, { type: 'poll', records });
}

export function effect(to: Recorder, value: string, process = 'c1', key = 'k', generation = -1): void {
  to.note(process, { type: 'effect', key, value, generation });
}

export function commit(to: Recorder, offset: number, process = 'c1', generation = -1, partition = 0): void {
  to.note(process, { type: 'commit', group: 'g', topic: 't', partition, offset, generation });
}

export function finalRead(
  to: Recorder,
  records: readonly SeenRecord[],
  logEndOffset = records.length,
  partition = 0,
  logStartOffset = 0,
): void {
  to.note('kit', { type: 'final-read', topic: 't', partition, logStartOffset, logEndOffset, records });
}

/** The same history with other operations, numbered anew. `map` returns what stands in the operation's place. */
export function rewrite(history: History, map: (operation: Operation) => readonly Operation[]): History {
  const kept = history.operations.flatMap(map);
  const indexOf = new Map(kept.map((operation, at) => [operation.index, at]));
  const operations = kept.map((operation, index) => ({
    ...operation,
    index,
    ...(operation.invoked === undefined ? {} : { invoked: indexOf.get(operation.invoked)! }),
  }));
  return { operations, overflowed: false };
}

export function withData(operation: Operation, data: OperationData): Operation {
  return { ...operation, data };
}

interface Step {
  readonly kind: 'send' | 'info-lost' | 'info-landed' | 'fail' | 'consume' | 'rebalance' | 'crash';
  readonly key: number;
  readonly count: number;
}

const stepArbitrary: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('send', 'consume') },
    { weight: 2, arbitrary: fc.constantFrom('info-lost', 'info-landed', 'fail', 'rebalance', 'crash') },
  ) as fc.Arbitrary<Step['kind']>,
  key: fc.nat(4),
  count: fc.integer({ min: 1, max: 4 }),
});

export const validHistory: fc.Arbitrary<History> = fc
  .array(stepArbitrary, { minLength: 1, maxLength: 60 })
  .map((steps) => playFaultlessly(steps));

const PARTITIONS = 2;

/** What a faultless queue and application leave behind when they go through the steps, and then drain. */
export function playFaultlessly(steps: readonly Step[]): History {
  const history = handwritten();
  const logs: SeenRecord[][] = Array.from({ length: PARTITIONS }, () => []);
  const positions = new Array<number>(PARTITIONS).fill(0);
  let values = 0;
  let generation = 1;
  let member = 'c1';
  const partitions = logs.map((_, partition) => ({ topic: 't', partition }));
  const assign = (): void => history.note(member, { type: 'assign', group: 'g', generation, partitions });

  const consume = (partition: number, count: number): void => {
    const from = positions[partition]!;
    const records = logs[partition]!.slice(from, from + count);
    if (records.length === 0) return;
    polled(history, member, ...records);
    for (const { key, value } of records) {
      history.note(member, { type: 'effect', key, value, generation, topic: 't', partition });
    }
    positions[partition] = from + records.length;
    commit(history, from + records.length, member, generation, partition);
  };

  assign();
  for (const step of steps) {
    const key = `k${step.key}`;
    const partition = step.key % PARTITIONS;
    switch (step.kind) {
      case 'consume':
        consume(partition, step.count);
        break;
      case 'rebalance':
        history.note(member, { type: 'revoke', group: 'g', generation, partitions });
        generation++;
        member = `c${1 + (generation % 3)}`;
        assign();
        break;
      case 'crash':
        history.note(member, { type: 'crash' });
        generation++;
        member = `c${1 + (generation % 3)}`;
        assign();
        break;
      default: {
        const value = `v${values++}`;
        const call = history.invoke('p1', { type: 'send', topic: 't', key, value });
        const landed = record(logs[partition]!.length, value, key, partition);
        if (step.kind === 'send' || step.kind === 'info-landed') logs[partition]!.push(landed);
        if (step.kind === 'send') history.ok(call, { type: 'send', ...landed });
        else if (step.kind === 'fail') history.fail(call, 'NOT_ENOUGH_REPLICAS');
        else history.info(call, 'REQUEST_TIMED_OUT');
      }
    }
  }
  history.note('kit', { type: 'heal' });
  for (let partition = 0; partition < PARTITIONS; partition++) consume(partition, Infinity);
  history.note('kit', { type: 'drained' });
  logs.forEach((log, partition) => {
    finalRead(history, log, log.length, partition);
  });
  return { operations: history.operations, overflowed: false };
}
