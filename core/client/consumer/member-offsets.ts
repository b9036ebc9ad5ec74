import { ErrorCode, errorOf } from '../../protocol/errors.ts';
import { brokerError, ClientError, connectionError } from '../client-error.ts';
import {
  anonymousCommitter,
  type Committer,
  commitOffsets,
  type FetchedOffsets,
  fetchOffsets,
} from '../group-offsets.ts';
import type { GroupCoordinator } from './coordinator.ts';
import type { CoordinatorLink } from './coordinator-link.ts';
import type { PartitionOffset } from './offsets.ts';
import type { TopicPartition } from './topic-partition.ts';

/**
 * The group's offsets as a member stores and reads them: one attempt each, under the membership of now.
 *
 * Invariant: a member without a place in the group, or whose group rebalances, stores nothing; a refusal that shows the membership to be over is told
 * to the coordinator. Retrying, order and auto commit belong to `Commits`.
 */
export class MemberOffsets {
  private readonly link: CoordinatorLink;
  private readonly membership: GroupCoordinator;

  constructor(link: CoordinatorLink, membership: GroupCoordinator) {
    this.link = link;
    this.membership = membership;
  }

  /** Rejects with the ClientError of the call, or of the first partition that was refused. */
  async commit(offsets: readonly PartitionOffset[], isGroupManaged: boolean): Promise<void> {
    const { membership } = this;
    // Behind a JoinGroup it would wait for the next generation, and be refused for having the old one.
    if (isGroupManaged && membership.isJoining) throw rebalancing();
    if (isGroupManaged && !membership.isMember) {
      if (!membership.isLost) throw rebalancing();
      throw commitFailed('this member is no longer part of the group');
    }
    const committer = isGroupManaged ? membership.committer : anonymousCommitter(this.link.groupId);
    let codes: ReadonlyMap<string, number>;
    try {
      codes = await commitOffsets(await this.link.get(), committer, offsets);
    } catch (error) {
      this.link.forget();
      throw connectionError(error, 'offset commit');
    }
    for (const [partition, code] of codes) {
      if (code !== ErrorCode.NONE) throw this.refusal(partition, code, committer);
    }
  }

  private refusal(partition: string, code: number, committer: Committer): ClientError {
    const context = `offset commit of ${partition}`;
    switch (code) {
      case ErrorCode.COORDINATOR_NOT_AVAILABLE:
      case ErrorCode.NOT_COORDINATOR:
        this.link.forget();
        return brokerError(code, context);
      case ErrorCode.REQUEST_TIMED_OUT:
        this.link.forget();
        return brokerError(code, context, 'unknown');
      case ErrorCode.REBALANCE_IN_PROGRESS:
        this.membership.onCommitRefused(code, committer);
        return rebalancing();
      case ErrorCode.ILLEGAL_GENERATION:
      case ErrorCode.UNKNOWN_MEMBER_ID:
        this.membership.onCommitRefused(code, committer);
        return commitFailed(errorOf(code).name);
      default:
        return brokerError(code, context);
    }
  }

  /** What is committed of these. Rejects with ClientError. */
  async fetchCommitted(partitions: readonly TopicPartition[]): Promise<FetchedOffsets['offsets']> {
    const { groupId } = this.link;
    let fetched: FetchedOffsets;
    try {
      fetched = await fetchOffsets(await this.link.get(), groupId, partitions, true);
    } catch (error) {
      this.link.forget();
      throw connectionError(error, 'committed offsets');
    }
    const { errorCode, offsets } = fetched;
    if (errorCode === ErrorCode.NONE) return offsets;
    if (errorCode === ErrorCode.NOT_COORDINATOR || errorCode === ErrorCode.COORDINATOR_NOT_AVAILABLE)
      this.link.forget();
    throw brokerError(errorCode, `committed offsets of group ${JSON.stringify(groupId)}`);
  }
}

function rebalancing(): ClientError {
  return new ClientError(
    'REBALANCE_IN_PROGRESS',
    'the group is rebalancing: poll first, then commit what is still yours',
    {
      code: ErrorCode.REBALANCE_IN_PROGRESS,
    },
  );
}

function commitFailed(why: string): ClientError {
  const message = `the offsets cannot be committed (${why}): the group has gone on without this member, because polls came further apart than max.poll.interval.ms or heartbeats failed`;
  return new ClientError('COMMIT_FAILED', message);
}
