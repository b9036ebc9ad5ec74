import { fc, test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import { FetchSessions } from '../broker/fetch-sessions.ts';
import { SimWorld } from '../ports/sim/world.ts';
import { FetcherSession, type WantedPartition } from './fetcher-session.ts';

/** A follower's session against the leader's: whatever is wanted and whatever is lost on the way, the leader reads exactly what is wanted. */
interface Round {
  /** By partition number: the offset that is wanted, or null. */
  readonly wanted: readonly (number | null)[];
  readonly fate: 'answered' | 'requestLost' | 'answerLost' | 'leaderForgets' | 'noSession';
}

const round: fc.Arbitrary<Round> = fc.record({
  wanted: fc.array(fc.option(fc.integer({ min: 0, max: 2 })), { minLength: 4, maxLength: 4 }),
  fate: fc.constantFrom('answered', 'answered', 'answered', 'requestLost', 'answerLost', 'leaderForgets', 'noSession'),
});

property.prop([fc.array(round, { maxLength: 30 })])('the leader reads what the follower wants', (rounds) => {
  const { clock, random } = new SimWorld({ seed: 1 }).process('a').ports;
  let sessions = new FetchSessions(clock, random, 10);
  const follower = new FetcherSession();
  for (const { wanted, fate } of rounds) {
    const partitions = wanted.flatMap((offset, partition) => (offset === null ? [] : [wantedOf(partition, offset)]));
    if (partitions.length === 0) continue;
    if (fate === 'leaderForgets') sessions = new FetchSessions(clock, random, 10);
    for (let attempt = 0; ; attempt++) {
      expect(attempt).toBeLessThan(2);
      const request = follower.next(partitions);
      if (fate === 'requestLost') {
        follower.broken();
        break;
      }
      const context = sessions.open({
        sessionId: request.sessionId,
        sessionEpoch: request.sessionEpoch,
        usesTopicIds: true,
        partitions: request.named.map((each) => ({ ...each, maxBytes: 1 })),
        forgotten: request.forgotten,
      });
      if (fate === 'answerLost') {
        follower.broken();
        break;
      }
      if (context.kind === 'error') {
        expect(follower.answered(context.errorCode, 0)).toBe(false);
        continue;
      }
      const read = new Map(context.partitions.map(({ partition, fetchOffset }) => [partition, fetchOffset]));
      expect(read).toEqual(new Map(partitions.map(({ partition, fetchOffset }) => [partition, fetchOffset])));
      if (fate === 'noSession' && context.session !== null) sessions.forget(context.session);
      expect(follower.answered(0, fate === 'noSession' ? 0 : (context.session?.id ?? 0))).toBe(true);
      break;
    }
  }
});

function wantedOf(partition: number, fetchOffset: number): WantedPartition {
  return {
    key: `${partition}`,
    topic: 't',
    topicId: 'dGhlLXRvcGljLWlkLTAwMA',
    partition,
    currentLeaderEpoch: 1,
    fetchOffset,
    lastFetchedEpoch: 1,
    logStartOffset: 0,
  };
}
