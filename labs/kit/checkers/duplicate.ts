/**
 * DUPLICATE: one value at two offsets of one topic. A value that a dispatcher forwarded stands in two topics, and that is no duplicate.
 * A value that the application itself sent twice is one all the same: the evidence names both sends.
 */

import { partitionName } from '../history.ts';
import { oneCheck } from './check.ts';
import type { Place } from './finding.ts';
import { placeText } from './index-history.ts';

export const duplicate = oneCheck('DUPLICATE', (index, findings) => {
  for (const [value, places] of index.placesOf) {
    if (places.length < 2) continue;
    const byTopic = new Map<string, Place[]>();
    for (const place of places) {
      const known = byTopic.get(place.topic);
      if (known === undefined) byTopic.set(place.topic, [place]);
      else known.push(place);
    }
    for (const group of byTopic.values()) {
      if (group.length < 2) continue;
      const seen = group.map((place) => {
        const log = index.partitions.get(partitionName(place.topic, place.partition))!;
        return log.at.get(place.offset)!.find((sighting) => sighting.value === value)!.firstSeen;
      });
      const send = index.sendOf.get(value);
      findings.add(
        { operations: [...(send === undefined ? [] : [send.start]), ...seen], values: [value], places: group },
        () => `${value} stands at ${group.map(placeText).join(' and at ')}.`,
      );
    }
  }
});
