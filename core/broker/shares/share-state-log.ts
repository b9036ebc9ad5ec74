import type { Clock } from '../../ports/clock.ts';
import type { Partition } from '../../replica/partition.ts';
import type { ShareStateLog } from '../../shares/share-shard.ts';
import { PartitionCoordinatorLog } from '../coordinator-log.ts';

/** A partition of `__share_group_state` as the log of its share coordinator, which also moves the log's start. */
export function shareStateLog(partition: Partition, clock: Clock, timeoutMs: number): ShareStateLog {
  const log = new PartitionCoordinatorLog(partition, clock, timeoutMs);
  return {
    get problem() {
      return log.problem;
    },
    get endOffset() {
      return partition.log.logEndOffset;
    },
    whenCommitted: (then) => log.whenCommitted(then),
    append: (records) => log.append(records),
    readAll: (visit) => log.readAll((key, value, _producerId, offset) => visit(key, value, offset)),
    forgetBefore: (offset) => {
      if (offset > partition.log.logStartOffset && offset <= partition.highWatermark) partition.deleteRecords(offset);
    },
    close: () => log.close(),
  };
}
