import type { Api } from '../schema.ts';
import { Produce } from './00-produce.ts';
import { Fetch } from './01-fetch.ts';
import { ListOffsets } from './02-list-offsets.ts';
import { Metadata } from './03-metadata.ts';
import { OffsetCommit } from './08-offset-commit.ts';
import { OffsetFetch } from './09-offset-fetch.ts';
import { FindCoordinator } from './10-find-coordinator.ts';
import { JoinGroup } from './11-join-group.ts';
import { Heartbeat } from './12-heartbeat.ts';
import { LeaveGroup } from './13-leave-group.ts';
import { SyncGroup } from './14-sync-group.ts';
import { DescribeGroups } from './15-describe-groups.ts';
import { ListGroups } from './16-list-groups.ts';
import { ApiVersions } from './18-api-versions.ts';
import { CreateTopics } from './19-create-topics.ts';
import { DeleteTopics } from './20-delete-topics.ts';
import { InitProducerId } from './22-init-producer-id.ts';
import { DescribeConfigs } from './32-describe-configs.ts';
import { CreatePartitions } from './37-create-partitions.ts';
import { DeleteGroups } from './42-delete-groups.ts';
import { DescribeCluster } from './60-describe-cluster.ts';

/** Every API that this package can speak, by key: for registries and for tests that go over all of them. */
export const ALL_APIS: readonly Api[] = [
  Produce,
  Fetch,
  ListOffsets,
  Metadata,
  OffsetCommit,
  OffsetFetch,
  FindCoordinator,
  JoinGroup,
  Heartbeat,
  LeaveGroup,
  SyncGroup,
  DescribeGroups,
  ListGroups,
  ApiVersions,
  CreateTopics,
  DeleteTopics,
  InitProducerId,
  DescribeConfigs,
  CreatePartitions,
  DeleteGroups,
  DescribeCluster,
];

const BY_KEY: ReadonlyMap<number, Api> = new Map(ALL_APIS.map((each) => [each.key, each]));

export function apiOf(key: number): Api | undefined {
  return BY_KEY.get(key);
}
