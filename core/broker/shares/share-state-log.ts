import type { Clock } from '../../ports/clock.ts';
import type { Partition } from '../../replica/partition.ts';
import type { ShareStateLog } from '../../shares/share-shard.ts';
import { coordinatorLog, readAll } from '../coordinator-log.ts';

/** A partition of `__share_group_state` as the log of its share coordinator, which also moves the log's start. */
export function shareStateLog(partition: Partition, clock: Clock): ShareStateLog {
  const { append } = coordinatorLog(partition, clock);
  return {
    get endOffset() {
      return partition.log.logEndOffset;
    },
    append: (records) => append(records),
    readAll: (visit) => readAll(partition, (key, value, _producerId, offset) => visit(key, value, offset)),
    forgetBefore: (offset) => {
      if (offset > partition.log.logStartOffset && offset <= partition.highWatermark) partition.deleteRecords(offset);
    },
  };
}
