import type { MoveRequest } from '../../log/log-moves.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { AlterReplicaLogDirs } from '../../protocol/messages/34-alter-replica-log-dirs.ts';
import { handlerOf } from '../handler.ts';

/**
 * AlterReplicaLogDirs 1–2: moves this broker's replicas to another of its log dirs (KIP-113). The answer says that a move began; DescribeLogDirs shows
 * how far it is.
 */
export const alterReplicaLogDirsHandler = handlerOf(AlterReplicaLogDirs, (broker, request) => {
  const results = new Map<string, { partitionIndex: number; errorCode: number }[]>();
  for (const { path, topics } of request.dirs) {
    for (const { name, partitions } of topics) {
      const answers = results.get(name) ?? [];
      results.set(name, answers);
      for (const partitionIndex of partitions) {
        answers.push({ partitionIndex, errorCode: codeOf(broker.logManager.move(name, partitionIndex, path)) });
      }
    }
  }
  return { results: [...results].map(([topicName, partitions]) => ({ topicName, partitions })) };
});

function codeOf(answer: MoveRequest): number {
  switch (answer) {
    case 'begun':
    case 'alreadyThere':
      return ErrorCode.NONE;
    case 'unknownDirectory':
      return ErrorCode.LOG_DIR_NOT_FOUND;
    case 'offline':
      return ErrorCode.KAFKA_STORAGE_ERROR;
    case 'unknownPartition':
      return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  }
}
