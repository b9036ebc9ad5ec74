/** INCONSISTENT-OFFSET: two values at one offset of one partition. Acknowledgements and reads count, whoever got them. */
import { oneCheck } from './check.ts';
import { placeText } from './index-history.ts';

export const inconsistentOffset = oneCheck('INCONSISTENT-OFFSET', (index, findings) => {
  for (const log of index.partitions.values()) {
    for (const offset of log.offsets) {
      const sightings = log.at.get(offset)!;
      if (sightings.length < 2) continue;
      const [first, second] = sightings as [(typeof sightings)[0], (typeof sightings)[0]];
      const place = { topic: log.topic, partition: log.partition, offset };
      findings.add(
        { operations: [first.firstSeen, second.firstSeen], values: sightings.map((s) => s.value), places: [place] },
        () => `${placeText(place)} held ${first.value} and then ${second.value}.`,
      );
    }
  }
});
