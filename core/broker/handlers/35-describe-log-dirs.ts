import type { DescribedLog } from '../../log/log-manager.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { DescribeLogDirs } from '../../protocol/messages/35-describe-log-dirs.ts';
import { handlerOf } from '../handler.ts';

/**
 * DescribeLogDirs 1–5: each of log.dirs with its partitions, those included that are being moved there. null asks for all topics. A log dir that failed
 * is named with KAFKA_STORAGE_ERROR. v4 adds the sizes of the device; no log dir is ever cordoned here (v5).
 */
export const describeLogDirsHandler = handlerOf(DescribeLogDirs, (broker, request) => {
  const { logManager } = broker;
  const asked =
    request.topics && new Map(request.topics.map(({ topic, partitions }) => [topic, new Set(partitions)] as const));
  const isAsked = ({ topic, partition }: DescribedLog) => asked === null || asked.get(topic)?.has(partition) === true;
  const failed = (logDir: string) => ({ errorCode: ErrorCode.KAFKA_STORAGE_ERROR, logDir, topics: [] });
  return {
    errorCode: ErrorCode.NONE,
    results: [
      ...logManager.directories.map((directory) =>
        directory.offline !== null
          ? failed(directory.absolutePath)
          : {
              errorCode: ErrorCode.NONE,
              logDir: directory.absolutePath,
              topics: byTopic(logManager.logsIn(directory).filter(isAsked)),
              ...logManager.spaceOf(directory),
            },
      ),
      ...logManager.failedDirectories.map(({ absolutePath }) => failed(absolutePath)),
    ],
  };
});

function byTopic(logs: readonly DescribedLog[]) {
  const topics = new Map<string, DescribedLog[]>();
  for (const log of logs) {
    const known = topics.get(log.topic);
    if (known === undefined) topics.set(log.topic, [log]);
    else known.push(log);
  }
  return [...topics].map(([name, partitions]) => ({
    name,
    partitions: partitions.map(({ partition, bytes, offsetLag, isFuture }) => ({
      partitionIndex: partition,
      partitionSize: bytes,
      offsetLag,
      isFutureKey: isFuture,
    })),
  }));
}
