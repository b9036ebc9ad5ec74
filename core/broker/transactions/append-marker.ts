import type { Clock, Timer } from '../../ports/clock.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import type { Partition } from '../../replica/partition.ts';

/**
 * Appends one batch to a partition that this broker leads, in the leader epoch of now. Resolves with NONE once it is committed in that epoch, with NOT_LEADER_OR_FOLLOWER when
 * the leadership ended first, with REQUEST_TIMED_OUT when it takes longer than `timeoutMs`, or with why the log refuses it.
 *
 * `onCommitted` is called when it is committed, also after the time is over.
 */
export function appendAndCommit(
  partition: Partition,
  batch: Buffer,
  { clock, timeoutMs, onCommitted }: { readonly clock: Clock; readonly timeoutMs: number; onCommitted(): void },
): Promise<number> {
  const { result } = partition.append(batch, -1, 'coordinator');
  if (result.kind === 'rejected') return Promise.resolve(result.errorCode);
  const { leaderEpoch } = partition;
  const endOffset = result.lastOffset + 1;
  const outcome = (): number | null => {
    if (partition.leaderEpoch !== leaderEpoch) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    const problem = partition.check(leaderEpoch);
    if (problem !== ErrorCode.NONE) return problem;
    return partition.highWatermark >= endOffset ? ErrorCode.NONE : null;
  };
  const now = outcome();
  if (now !== null) {
    if (now === ErrorCode.NONE) onCommitted();
    return Promise.resolve(now);
  }
  return new Promise((resolve) => {
    let timer: Timer | null = clock.setTimer(timeoutMs, () => {
      timer = null;
      resolve(ErrorCode.REQUEST_TIMED_OUT);
    });
    const stop = partition.subscribe(() => {
      const code = outcome();
      if (code === null) return;
      stop();
      timer?.cancel();
      if (code === ErrorCode.NONE) onCommitted();
      resolve(code);
    });
  });
}
