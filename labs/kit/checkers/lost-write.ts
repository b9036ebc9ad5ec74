/**
 * LOST-WRITE: an acknowledged value that no read returned although a later value of its partition was read.
 * UNSEEN: an acknowledged value that nobody had read by the end, with nothing later read: late or lost. Only the final read makes it certain.
 * What retention deleted is neither (see LOST-BY-POLICY). A send whose outcome is unknown is never missed.
 */
import { partitionName } from '../history.ts';
import { familyCheck } from './check.ts';
import { isAcknowledged, placeText } from './index-history.ts';

export const lostWrite = familyCheck(['LOST-WRITE', 'UNSEEN'], (index, findings) => {
  for (const send of index.sends) {
    if (!isAcknowledged(index, send) || index.readOf.has(send.data.value)) continue;
    const { topic, partition, offset, value } = send.data;
    const operations = [send.start, send.end!];
    const log = partition === undefined ? undefined : index.partitions.get(partitionName(topic, partition));
    if (log !== undefined && offset !== undefined && offset < log.logStartOffset) continue;
    const place = partition === undefined || offset === undefined ? null : { topic, partition, offset };
    const places = place === null ? [] : [place];
    if (log !== undefined && place !== null && log.readMax >= place.offset) {
      findings['LOST-WRITE'].add(
        { operations: [...operations, log.readMaxOperation], values: [value], places },
        () =>
          `${value} was acknowledged at ${placeText(place)}; reads went on to offset ${log.readMax} and never returned it.`,
      );
      continue;
    }
    const finalReads = [...index.partitions.values()].filter(
      (known) => known.topic === topic && known.finalRead !== null,
    );
    const final = log === undefined ? finalReads[0]?.finalRead : log.finalRead;
    const certain = final !== null && final !== undefined;
    findings.UNSEEN.add(
      { operations: certain ? [...operations, final.operation] : operations, values: [value], places, certain },
      () =>
        certain
          ? `${value} was acknowledged and is not in the log at the end.`
          : `${value} was acknowledged and not read so far; there was no final read.`,
    );
  }
});
