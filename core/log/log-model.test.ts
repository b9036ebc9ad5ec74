import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import type { Ports } from '../ports/ports.ts';
import { SimWorld } from '../ports/sim/world.ts';
import { Log } from './log.ts';
import { DEFAULT_LOG_CONFIG } from './log-config.ts';
import { SegmentHandles } from './segment-handles.ts';
import { batch, readAll } from './test/fixture.ts';

/**
 * Random histories of one log on a simulated disk against a list of values. What is claimed: after a clean restart and after kill −9 nothing is lost;
 * after a power cut the log holds a prefix, and everything that was flushed.
 */
type Step =
  | { readonly kind: 'append'; readonly count: number; readonly valueBytes: number }
  | { readonly kind: 'truncate' | 'deleteBefore'; readonly at: number }
  | { readonly kind: 'roll' | 'flush' | 'retention' | 'cleanRestart' | 'kill' | 'powerCut' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      count: fc.integer({ min: 1, max: 4 }),
      valueBytes: fc.integer({ min: 1, max: 120 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('truncate' as const, 'deleteBefore' as const),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc
        .constantFrom('roll', 'flush', 'retention', 'cleanRestart', 'kill', 'powerCut')
        .map((kind) => kind as 'roll'),
    }),
  },
);

const config = { ...DEFAULT_LOG_CONFIG, segmentBytes: 1200, indexIntervalBytes: 150, retentionBytes: 4000 };

test.prop([fc.array(step, { minLength: 5, maxLength: 60 }), fc.integer({ min: 0, max: 1e6 })], { numRuns: 150 })(
  'a log equals its model through appends, truncation, retention, crashes and power cuts',
  async (steps, seed) => {
    const world = new SimWorld({ seed });
    const process = world.process('broker');
    const problems: string[] = [];
    process.ports.files.makeDirectory('/data');
    await world.settle(process.ports.files.flushDirectory('/'));
    // What the checkpoints say, and the model: values[i] has the offset i.
    let logStartOffset = 0;
    const values: string[] = [];
    const open = (ports: Ports, isClean: boolean, recoveryPoint: number): Log =>
      new Log({
        ...ports,
        directory: '/data/t-0',
        topic: 't',
        partition: 0,
        config,
        isClean,
        recoveryPoint,
        logStartOffset,
        highWatermark: 0,
        onProblem: (message) => problems.push(message),
        handles: new SegmentHandles(ports.clock, 2),
      });
    let log = open(process.ports, true, 0);
    let appended = 0;
    /** The end of each batch: where a truncation can cut. */
    let ends: number[] = [];
    for (const each of steps) {
      switch (each.kind) {
        case 'append': {
          const added = Array.from({ length: each.count }, () => `${appended++}`.padEnd(each.valueBytes, '.'));
          const result = log.append(batch(added, process.ports.clock.now()), 1);
          expect(result).toMatchObject({ kind: 'appended', firstOffset: values.length });
          values.push(...added);
          ends.push(values.length);
          break;
        }
        case 'truncate': {
          const low = logStartOffset;
          const wanted = low + Math.floor((values.length - low) * each.at);
          const cut =
            wanted >= values.length ? values.length : Math.max(low, ends.findLast((end) => end <= wanted) ?? low);
          log.truncateTo(cut);
          values.length = log.logEndOffset;
          expect(log.logEndOffset).toBeLessThanOrEqual(cut);
          ends = ends.filter((end) => end <= cut);
          // A power cut may undo a truncation that was not flushed; leader epochs tell such records apart, this model does not.
          await world.settle(log.flush());
          break;
        }
        case 'deleteBefore':
          log.updateHighWatermark(log.logEndOffset);
          logStartOffset += Math.floor((values.length - logStartOffset) * each.at);
          expect(log.deleteRecordsBefore(logStartOffset)).toBeNull();
          break;
        case 'roll':
          log.roll();
          break;
        case 'flush':
          await world.settle(log.flush());
          expect(log.recoveryPoint).toBe(values.length);
          break;
        case 'retention':
          log.updateHighWatermark(log.logEndOffset);
          log.applyRetention();
          expect(log.size === 0 || log.segments.length === 1 || log.size - log.segments[0]!.size < 4000).toBe(true);
          logStartOffset = Math.max(logStartOffset, log.logStartOffset);
          break;
        case 'cleanRestart':
          await world.settle(log.close());
          process.crash();
          log = open(process.restart(), true, values.length);
          break;
        case 'kill': {
          const recoveryPoint = log.recoveryPoint;
          process.crash();
          log = open(process.restart(), false, recoveryPoint);
          expect(log.logEndOffset).toBe(values.length);
          break;
        }
        case 'powerCut': {
          const recoveryPoint = log.recoveryPoint;
          logStartOffset = Math.min(logStartOffset, recoveryPoint);
          world.powerCut(['broker']);
          log = open(process.restart(), false, recoveryPoint);
          expect(log.logEndOffset).toBeGreaterThanOrEqual(recoveryPoint);
          expect(log.logEndOffset).toBeLessThanOrEqual(values.length);
          values.length = log.logEndOffset;
          ends = ends.filter((end) => end <= values.length);
          logStartOffset = Math.max(logStartOffset, log.logStartOffset);
          // As the manager does.
          if (log.wasCut) await world.settle(log.flush());
          break;
        }
      }
      expect(log.logEndOffset).toBe(values.length);
      expect(log.logStartOffset).toBe(logStartOffset);
      expect(log.producers.endOffset).toBe(values.length);
      expect(readAll(log, logStartOffset, 300).map((record) => record.value)).toEqual(values.slice(logStartOffset));
    }
    expect(log.offline).toBeNull();
  },
);
