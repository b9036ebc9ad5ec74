/**
 * CONSERVATION: produced = consumed + backlog + expired + dead-lettered, by identity and never by count, so that a duplicate cannot hide a loss: every
 * acknowledged value is in at least one of the four, and nothing was consumed that nobody produced.
 * LOST-BY-POLICY: what retention deleted before it took effect. Kafka was told to; it is shown as legal and never called broker loss.
 */
import { partitionName } from '../history.ts';
import { type Check, familyCheck } from './check.ts';
import { deadLetters, type EffectOptions, lastCommits, sourceTopics } from './effect-count.ts';
import { countEffects } from './effects.ts';
import { isAcknowledged, placeText } from './index-history.ts';

export function conservation(options: EffectOptions = {}): Check {
  return familyCheck(['CONSERVATION', 'LOST-BY-POLICY'], (index, findings) => {
    const effects = countEffects(index);
    const commits = lastCommits(index);
    const dead = deadLetters(index);
    const topics = new Set(options.topics ?? sourceTopics(index));
    for (const send of index.sends) {
      const { topic, partition, offset, value } = send.data;
      if (!topics.has(topic) || !isAcknowledged(index, send) || dead.has(value)) continue;
      const count = effects.get(value);
      if (count !== undefined && count.least > 0) continue;
      const places = (index.placesOf.get(value) ?? []).filter((place) => topics.has(place.topic));
      const known =
        partition === undefined || offset === undefined ? places : [{ topic, partition, offset }, ...places];
      const logs = known.map((place) => ({
        place,
        log: index.partitions.get(partitionName(place.topic, place.partition)),
        commit: commits.get(partitionName(place.topic, place.partition)),
      }));
      const isBacklog = logs.some(
        ({ place, log, commit }) =>
          index.readOf.has(value) &&
          log !== undefined &&
          place.offset >= log.logStartOffset &&
          place.offset >= (commit?.offset ?? 0) &&
          index.drained === null,
      );
      if (isBacklog) continue;
      const expired = logs.find(({ place, log }) => log !== undefined && place.offset < log.logStartOffset);
      if (expired !== undefined) {
        const by = expired.log!.logStartOperation;
        findings['LOST-BY-POLICY'].add(
          {
            operations: [send.start, send.end!, ...(by === null ? [] : [by])],
            values: [value],
            places: [expired.place],
            legal: true,
          },
          () =>
            `${value} at ${placeText(expired.place)} was deleted by retention (log start ${expired.log!.logStartOffset}) before it took effect.`,
        );
        continue;
      }
      const certain = count === undefined || count.most === 0;
      const operations = [send.start, send.end!, ...(count?.operations ?? [])];
      findings.CONSERVATION.add(
        { operations, values: [value], places: known.slice(0, 1), certain },
        () => `${value} was produced and is neither consumed nor in the backlog, neither expired nor put aside.`,
      );
    }
    for (const [value, count] of effects) {
      if (count.least === 0 || index.sends.length === 0) continue;
      const send = index.sendOf.get(value);
      const mayExist = index.readOf.has(value) || (send !== undefined && send.outcome !== 'fail');
      if (mayExist) continue;
      findings.CONSERVATION.add(
        { operations: [...(send === undefined ? [] : [send.start]), ...count.operations.slice(0, 1)], values: [value] },
        () => `${value} took effect and was never produced.`,
      );
    }
  });
}
