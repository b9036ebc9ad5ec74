/** A start over a data folder with 1,000 partitions that a clean shutdown left, until a record to one of them is acknowledged. */
import { rmSync } from 'node:fs';
import { newDataDir, Session, type System } from '../../compare/session.ts';
import { inRound } from '../../load/interleave.ts';
import { monotonicMs } from '../../load/monotonic.ts';
import type { PeerTopic } from '../../peers/peer.ts';
import { START_WITH_PARTITIONS } from '../goals.ts';
import { only, type Part } from '../part.ts';

const GROUP = 'Start and rest';
const TOPICS = 125;
const PARTITIONS = 8;

interface Folder {
  readonly system: System;
  readonly dataDir: string;
  readonly topic: PeerTopic;
}

export const startWithPartitions: Part = {
  name: 'start-with-partitions',
  about: 'a start over 1,000 partitions',
  async run({ systems, pairs, recorder, failures, progress }) {
    const folders: Folder[] = [];
    const dirs: string[] = [];
    try {
      for (const system of only(systems, 'mqlab', 'kafka')) {
        progress(`${START_WITH_PARTITIONS}: ${system.peer.name}, making the partitions`);
        const dataDir = newDataDir(system.peer.name);
        dirs.push(dataDir);
        const session = await Session.open(system, false, dataDir);
        try {
          const made = await session.newTopics(TOPICS, PARTITIONS);
          for (const topic of [made[0]!, made.at(-1)!]) await session.produceOne(topic);
          folders.push({ system, dataDir, topic: made.at(-1)! });
        } finally {
          await session.close(true);
        }
      }
      for (let pair = 0; pair < pairs; pair++)
        for (const { system, dataDir, topic } of inRound(folders, pair)) {
          progress(`${START_WITH_PARTITIONS}: ${system.peer.name}, round ${pair + 1} of ${pairs}`);
          const session = await Session.open(system, false, dataDir);
          try {
            const readyMs = monotonicMs();
            await session.produceOne(topic);
            const ms = session.running.startMs + monotonicMs() - readyMs;
            recorder.add(GROUP, START_WITH_PARTITIONS, 'start to first acknowledged produce', system, pair, ms);
          } finally {
            await session.close(true);
          }
        }
    } catch (error) {
      failures.push(`${START_WITH_PARTITIONS}: ${(error as Error).message}`);
    } finally {
      for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
    }
  },
};
