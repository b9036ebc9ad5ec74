/**
 * EFFECT-LOSS: a record that the application passed has no effect. Passed is what lies below the last committed offset, or everything once the application
 * says that it drained the topic. EFFECT-DUPLICATE: a value took effect more than once.
 *
 * Effects with an unknown outcome make an interval: only what is outside it in every case is certain. A dead letter counts as done with, not as an effect.
 * What retention deleted before it could be read is not lost here (see LOST-BY-POLICY).
 */
import { partitionName } from '../history.ts';
import { type Check, familyCheck } from './check.ts';
import { countEffects } from './effects.ts';
import { type HistoryIndex, isVisible, placeText } from './index-history.ts';

export interface EffectOptions {
  /** Topics whose records must take effect. Default: those that some group committed in, or that effects name; else all. */
  readonly topics?: readonly string[];
}

export function effectCount(options: EffectOptions = {}): Check {
  return familyCheck(['EFFECT-LOSS', 'EFFECT-DUPLICATE'], (index, findings) => {
    const effects = countEffects(index);
    const passed = lastCommits(index);
    const dead = deadLetters(index);
    const topics = new Set(options.topics ?? sourceTopics(index));
    // A value that was forwarded stands in several topics and takes effect once.
    const judged = new Set<string>();
    for (const [name, log] of index.partitions) {
      if (!topics.has(log.topic)) continue;
      const commit = passed.get(name);
      for (const offset of log.offsets) {
        const isPassed = index.drained !== null || (commit !== undefined && offset < commit.offset);
        if (!isPassed || offset < log.logStartOffset) continue;
        for (const { value, firstSeen } of log.at.get(offset)!) {
          if (judged.has(value) || dead.has(value) || !isVisible(index, value)) continue;
          judged.add(value);
          const count = effects.get(value);
          if (count !== undefined && count.least > 0) continue;
          const by = commit !== undefined && offset < commit.offset ? commit.operation : index.drained!;
          const place = { topic: log.topic, partition: log.partition, offset };
          const certain = count === undefined || count.most === 0;
          findings['EFFECT-LOSS'].add(
            { operations: [firstSeen, by, ...(count?.operations ?? [])], values: [value], places: [place], certain },
            () =>
              commit !== undefined && offset < commit.offset
                ? `${value} at ${placeText(place)} ${certain ? 'never took effect' : 'may never have taken effect'}; offset ${commit.offset} was committed.`
                : `${value} at ${placeText(place)} ${certain ? 'never took effect' : 'may never have taken effect'}; the topic was drained.`,
          );
        }
      }
    }
    for (const [value, count] of effects) {
      if (count.most < 2) continue;
      findings['EFFECT-DUPLICATE'].add(
        {
          operations: count.operations.slice(0, 3),
          values: [value],
          places: index.placesOf.get(value) ?? [],
          certain: count.least > 1,
        },
        () =>
          count.least > 1
            ? `${value} took effect ${count.least} times.`
            : `${value} took effect between ${count.least} and ${count.most} times.`,
      );
    }
  });
}

export interface LastCommit {
  readonly offset: number;
  readonly operation: number;
}

/** The last acknowledged commit of each partition. With several groups, the one that came last. */
export function lastCommits(index: HistoryIndex): ReadonlyMap<string, LastCommit> {
  const last = new Map<string, LastCommit>();
  for (const call of index.calls) {
    if (call.data.type !== 'commit' || call.outcome !== 'ok') continue;
    const name = partitionName(call.data.topic, call.data.partition);
    const before = last.get(name);
    if (before === undefined || before.operation < call.end!) {
      last.set(name, { offset: call.data.offset, operation: call.end! });
    }
  }
  return last;
}

export function deadLetters(index: HistoryIndex): ReadonlySet<string> {
  const dead = new Set<string>();
  for (const call of index.calls) {
    if (call.data.type === 'dead-letter' && call.outcome !== 'fail') dead.add(call.data.value);
  }
  return dead;
}

/** Topics that the application consumes for their effect. */
export function sourceTopics(index: HistoryIndex): ReadonlySet<string> {
  const topics = new Set<string>();
  for (const { data } of index.calls) {
    if (data.type === 'commit') topics.add(data.topic);
    else if (data.type === 'effect' && data.topic !== undefined) topics.add(data.topic);
  }
  if (topics.size === 0) for (const log of index.partitions.values()) topics.add(log.topic);
  return topics;
}
