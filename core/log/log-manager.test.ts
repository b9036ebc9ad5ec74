import { expect, test } from 'vitest';
import { realRandom } from '../ports/real/random.ts';
import { DEFAULT_LOG_CONFIG } from './log-config.ts';
import { LogDirectoryError } from './log-directory.ts';
import { LogManager } from './log-manager.ts';
import type { LogManagerOptions } from './log-manager-options.ts';
import { batch, readAll, TestFolder } from './test/fixture.ts';

const ID = 'abcdefghijklmnopqrstuv';

function open(folder: TestFolder, options: Partial<LogManagerOptions> = {}): Promise<LogManager> {
  return LogManager.open({
    files: folder.files,
    clock: folder.clock,
    random: realRandom(),
    logDirs: [`${folder.path}/data`],
    nodeId: 1,
    clusterId: 'the-cluster',
    configOf: () => DEFAULT_LOG_CONFIG,
    onProblem: (message) => folder.problems.push(message),
    ...options,
  });
}

test('logs come back with their ids, watermarks and starts after a clean end, and the mark of it goes', async () => {
  using folder = new TestFolder();
  const manager = await open(folder);
  const log = manager.getOrCreate('some-topic', 3, ID, DEFAULT_LOG_CONFIG);
  expect(manager.getOrCreate('some-topic', 3, ID, DEFAULT_LOG_CONFIG)).toBe(log);
  for (const value of ['a', 'b', 'c']) log.append(batch([value]), 0);
  log.updateHighWatermark(2);
  log.deleteRecordsBefore(1);
  await manager.close();
  expect(folder.files.exists(`${folder.path}/data/.kafka_cleanshutdown`)).toBe(true);
  const again = await open(folder);
  expect(folder.files.exists(`${folder.path}/data/.kafka_cleanshutdown`)).toBe(false);
  const same = again.get('some-topic', 3)!;
  expect(again.topicId('some-topic', 3)).toBe(ID);
  expect([same.logStartOffset, same.highWatermark, same.logEndOffset]).toEqual([1, 2, 3]);
  expect(readAll(same).map((record) => record.value)).toEqual(['b', 'c']);
  await again.close();
  expect(folder.problems).toEqual([]);
});

test('another owner, another node and another cluster are refused by name', async () => {
  using folder = new TestFolder();
  const manager = await open(folder);
  await expect(open(folder)).rejects.toThrow(LogDirectoryError);
  await expect(open(folder)).rejects.toThrow(/in use by another broker/);
  await manager.close();
  await expect(open(folder, { nodeId: 2 })).rejects.toThrow(/node.id 1.*node.id 2/);
  await expect(open(folder, { clusterId: 'other' })).rejects.toThrow(/cluster.id the-cluster.*cluster.id other/);
  await (await open(folder)).close();
});

test('a deleted partition is out of the way at once and gone later; a new topic id replaces the old folder', async () => {
  using folder = new TestFolder();
  const manager = await open(folder);
  const names = () => folder.files.list(`${folder.path}/data`).map((entry) => entry.name);
  manager.getOrCreate('t', 0, ID, DEFAULT_LOG_CONFIG).append(batch(['a']), 0);
  const next = manager.getOrCreate('t', 0, 'zzzzzzzzzzzzzzzzzzzzzz', DEFAULT_LOG_CONFIG);
  expect(next.logEndOffset).toBe(0);
  expect(manager.delete('t', 0)).toBe(true);
  expect(manager.delete('t', 0)).toBe(false);
  expect(names().filter((name) => /^t-0\.[0-9a-f]{32}-delete$/.test(name))).toHaveLength(2);
  folder.clock.advance(60_000);
  expect(names().filter((name) => name.startsWith('t-0'))).toEqual([]);
  await manager.close();
});
