/** Members for the play: the own client with a classic assignor, and @platformatic/kafka with the protocol in which the broker assigns (KIP-848). */
import { setTimeout as realSleep } from 'node:timers/promises';
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { TopicPartition } from '../../kit/history.ts';
import type { Target } from '../../kit/targets/target.ts';
import type { AssignorName } from '../plan.ts';
import { HEARTBEAT_MS, PARTITIONS, type StartMember, TOPICS, topicName, WORK_MS } from './group-play.ts';
import { nameOf } from './ownership.ts';

const POLL_MS = 50;
const SESSION_MS = 3000;
const LOOK_MS = 5;

export async function createTopics(target: Target, group: string): Promise<void> {
  const admin = await target.app(`a-${group}`).client('mqlab').admin();
  for (const topic of TOPICS) await admin.createTopic(topicName(group, topic), PARTITIONS);
  await admin.close();
}

/** The group's own rules: who leads it assigns. */
export function classicMember(target: Target, group: string, assignor: AssignorName): StartMember {
  return async (member, log) => {
    const app = target.app(`${group}-${member}`);
    const { clock } = app.ports;
    const owned = new Map<string, TopicPartition>();
    const consumer = await app.client('mqlab').consumer({
      group,
      topics: TOPICS.map((topic) => topicName(group, topic)),
      fromBeginning: false,
      autoCommit: true,
      sessionTimeoutMs: SESSION_MS,
      heartbeatIntervalMs: HEARTBEAT_MS,
      assignor,
      onAssigned: (partitions) => {
        for (const at of partitions) owned.set(nameOf(at), at);
        log.owns(member, [...owned.values()]);
      },
      onRevoked: (partitions) => {
        for (const at of partitions) owned.delete(nameOf(at));
        log.owns(member, [...owned.values()]);
      },
    });
    let isEnding = false;
    const loop = (async () => {
      while (!isEnding) {
        const records = await consumer.poll(POLL_MS);
        for (const record of records) log.delivered(record);
        if (records.length > 0) await sleep(clock, WORK_MS);
      }
      await consumer.close();
    })();
    return async () => {
      isEnding = true;
      await loop;
    };
  };
}

/** The broker assigns, and every member moves at its own pace. */
export function nextGenerationMember(target: Target, group: string, remoteAssignor: 'uniform' | 'range'): StartMember {
  return async (member, log) => {
    const { Consumer, stringDeserializers } = await import('@platformatic/kafka');
    const consumer = new Consumer({
      clientId: member,
      bootstrapBrokers: [target.bootstrap],
      groupId: group,
      groupProtocol: 'consumer',
      groupRemoteAssignor: remoteAssignor,
      deserializers: stringDeserializers,
    });
    const stream = await consumer.consume({
      topics: TOPICS.map((topic) => topicName(group, topic)),
      mode: 'committed',
      fallbackMode: 'latest',
      maxWaitTime: POLL_MS,
    });
    let isEnding = false;
    const watching = (async () => {
      while (!isEnding) {
        const owned = (consumer.assignments ?? []).flatMap(({ topic, partitions }) =>
          partitions.map((partition) => ({ topic, partition })),
        );
        log.owns(member, owned);
        await realSleep(LOOK_MS);
      }
    })();
    const reading = (async () => {
      for await (const message of stream) {
        if (isEnding) break;
        log.delivered(message);
      }
    })();
    return async () => {
      if (isEnding) return;
      isEnding = true;
      await watching;
      await stream.close();
      await reading;
      await consumer.close(true);
    };
  };
}
