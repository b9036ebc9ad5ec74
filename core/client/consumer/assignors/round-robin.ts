import type { TopicPartition } from '../topic-partition.ts';
import { type Assignor, sortMembers, wantedTopics } from './assignor.ts';

/** Round robin: all partitions of all topics in order, each to the next member that subscribed to its topic. */
export const roundRobinAssignor: Assignor = {
  name: 'roundrobin',
  rebalanceProtocols: ['eager'],
  assign(partitionCounts, members) {
    const assignment = new Map<string, TopicPartition[]>(members.map((member) => [member.memberId, []]));
    const turn = sortMembers(members).map((member) => ({ id: member.memberId, topics: new Set(member.topics) }));
    let next = 0;
    for (const topic of wantedTopics(partitionCounts, members)) {
      for (let partition = 0; partition < partitionCounts.get(topic)!; partition++) {
        while (!turn[next % turn.length]!.topics.has(topic)) next++;
        assignment.get(turn[next++ % turn.length]!.id)!.push({ topic, partition });
      }
    }
    return assignment;
  },
};
