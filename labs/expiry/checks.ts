/**
 * What the application owes about records that retention deleted unread: somebody was told, before it went on behind them.
 *
 * LOST-BY-POLICY is Kafka doing what it was told to, and legal (`conservation`). Going on in silence is the application's doing: here the same name, as a violation. It is never
 * called a loss of the broker's.
 */
import { type Check, oneCheck } from '../kit/checkers/check.ts';
import { countEffects } from '../kit/checkers/effects.ts';
import { isAcknowledged } from '../kit/checkers/index-history.ts';
import { partitionName } from '../kit/history.ts';

export function announced(topic: string): Check {
  return oneCheck('LOST-BY-POLICY', (index, findings) => {
    const effects = countEffects(index);
    for (const send of index.sends) {
      const { partition, offset, value } = send.data;
      if (send.data.topic !== topic || partition === undefined || offset === undefined) continue;
      if (!isAcknowledged(index, send) || (effects.get(value)?.most ?? 0) > 0) continue;
      const log = index.partitions.get(partitionName(topic, partition));
      if (log === undefined || offset >= log.logStartOffset) continue;
      const here = (at: { readonly topic: string; readonly partition: number }): boolean =>
        at.topic === topic && at.partition === partition;
      const passed = index.calls.find(
        ({ data, outcome }) => data.type === 'commit' && outcome === 'ok' && here(data) && data.offset > offset,
      );
      // The consumer has not gone on: it may still tell.
      if (passed === undefined) continue;
      const told = index.calls.some(
        ({ data, start }) =>
          data.type === 'alarm' && here(data) && data.from <= offset && offset < data.to && start < passed.start,
      );
      if (told) continue;
      const by = log.logStartOperation;
      findings.add(
        {
          operations: [send.start, send.end!, ...(by === null ? [] : [by]), passed.start],
          values: [value],
          places: [{ topic, partition, offset }],
        },
        () => `Retention deleted ${value} unread, as it was told to; the consumer went on behind it and told nobody.`,
      );
    }
  });
}

/**
 * CONSERVATION of a refill, by identity: produced = consumed from the log + expired, and exactly what expired took effect from the source. An effect that no poll had brought must be of a
 * record that an alarm has named; one that a poll had brought must not be of one.
 */
export function refilled(topic: string): Check {
  return oneCheck('CONSERVATION', (index, findings) => {
    const alarms = index.calls.filter(({ data }) => data.type === 'alarm' && data.topic === topic);
    for (const send of index.sends) {
      const { offset, value } = send.data;
      if (send.data.topic !== topic || offset === undefined || !isAcknowledged(index, send)) continue;
      const effect = index.calls.find(({ data }) => data.type === 'effect' && data.value === value);
      if (effect === undefined) continue;
      const polled = index.calls.some(
        ({ data, start }) =>
          data.type === 'poll' && start < effect.start && data.records.some((record) => record.value === value),
      );
      const alarm = alarms.find(({ data }) => data.type === 'alarm' && data.from <= offset && offset < data.to);
      if (polled !== (alarm !== undefined)) continue;
      findings.add(
        {
          operations: [send.start, ...(alarm === undefined ? [] : [alarm.start]), effect.start],
          values: [value],
          places: [{ topic, partition: send.data.partition ?? 0, offset }],
        },
        () =>
          polled
            ? `${value} came from the log and was counted as expired.`
            : `${value} was refilled and had not expired.`,
      );
    }
  });
}
