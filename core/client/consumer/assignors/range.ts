import type { TopicPartition } from '../topic-partition.ts';
import { type Assignor, sortMembers, wantedTopics } from './assignor.ts';

/**
 * Range: topic by topic, neighbouring partitions to one member; the first members get one more where the count does not divide.
 * The same partition number of several topics lands on the same member; but the first members get the remainder of every topic.
 */
export const rangeAssignor: Assignor = {
  name: 'range',
  rebalanceProtocols: ['eager'],
  assign(partitionCounts, members) {
    const assignment = new Map<string, TopicPartition[]>(members.map((member) => [member.memberId, []]));
    for (const topic of wantedTopics(partitionCounts, members)) {
      const takers = sortMembers(members.filter((member) => member.topics.includes(topic)));
      const count = partitionCounts.get(topic)!;
      const share = Math.floor(count / takers.length);
      const remainder = count % takers.length;
      let next = 0;
      takers.forEach((member, index) => {
        const end = next + share + (index < remainder ? 1 : 0);
        for (; next < end; next++) assignment.get(member.memberId)!.push({ topic, partition: next });
      });
    }
    return assignment;
  },
};
