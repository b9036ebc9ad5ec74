/**
 * A consumer and a transactional producer as an application process has them in its hands: each call is a step where faults strike, and everything is recorded.
 *
 * Invariant: the application's calls go through unchanged. Offsets that a transaction carries count as committed when its commit is acknowledged, and not before.
 */
import type { Answer, CommitOffset, ConsumerDriver, ProducerDriver, TransactionalDriver } from './drivers/driver.ts';
import type { Call, Recorder } from './history.ts';
import type { Life } from './members.ts';

export interface ConsumerLink {
  readonly recorder: Recorder;
  /** Null when it is in no group. */
  readonly group: string | null;
  readonly committedOnly?: boolean;
}

function end(recorder: Recorder, call: Call, answer: Answer): void {
  if (answer.outcome === 'ok') recorder.ok(call);
  else recorder[answer.outcome](call, answer.error);
}

export function linkConsumer(consumer: ConsumerDriver, life: Life, link: ConsumerLink): ConsumerDriver {
  const { recorder, group, committedOnly } = link;
  return {
    get generation() {
      return consumer.generation;
    },
    native: consumer.native,
    poll: async (maxWaitMs) => {
      life.isBusy = false;
      const polled = await consumer.poll(maxWaitMs);
      await life.goOn();
      life.rounds++;
      if (polled.length === 0) return polled;
      life.isBusy = true;
      const records = polled.map(({ headers: _, ...record }) => record);
      recorder.note(life.name, { type: 'poll', records, ...(committedOnly === undefined ? {} : { committedOnly }) });
      await life.step();
      return polled;
    },
    commit: async (offsets) => {
      // Each partition is an operation of its own.
      let calls: Call[] = [];
      const answer = await life.request(async () => {
        calls = offsets.map((at) => recorder.invoke(life.name, { type: 'commit', group: group ?? '', ...at }));
        const made = await consumer.commit(offsets);
        for (const call of calls) end(recorder, call, made);
        return made;
      });
      await life.step();
      return answer;
    },
    seek: async (at) => {
      const { topic, partition, offset } = at;
      recorder.note(life.name, { type: 'seek', topic, partition, offset });
      await consumer.seek(at);
    },
    pause: (partitions) => consumer.pause(partitions),
    resume: (partitions) => consumer.resume(partitions),
    close: () => consumer.close(),
  };
}

export function linkProducer(producer: ProducerDriver, life: Life, recorder: Recorder): ProducerDriver {
  return {
    send: (record) =>
      life.request(async () => {
        const { topic, key, value } = record;
        const call = recorder.invoke(life.name, { type: 'send', topic, key, value });
        const answer = await producer.send(record);
        if (answer.outcome !== 'ok') recorder[answer.outcome](call, answer.error);
        else recorder.ok(call, { type: 'send', topic, key, value, ...placeOf(answer) });
        return answer;
      }),
    flush: () => producer.flush(),
    close: () => producer.close(),
  };
}

function placeOf(answer: { readonly partition: number; readonly offset?: number }) {
  const { partition, offset } = answer;
  return offset === undefined ? { partition } : { partition, offset };
}

export interface TransactionalLink {
  readonly recorder: Recorder;
  readonly group: string;
  /** A name for the next transaction, unique in the run. */
  readonly nextTransaction: () => string;
  /** Just before the request that ends one leaves. */
  readonly ending?: (transaction: string, action: 'commit' | 'abort') => Promise<void>;
}

export function linkTransactional(
  transactional: TransactionalDriver,
  life: Life,
  link: TransactionalLink,
): TransactionalDriver {
  const { recorder, group } = link;
  let offsets: readonly CommitOffset[] = [];
  const open = (): string => life.transaction ?? 'none';
  const finish = async (action: 'commit' | 'abort'): Promise<Answer> => {
    const transaction = open();
    await link.ending?.(transaction, action);
    const answer = await life.request(async () => {
      const call = recorder.invoke(life.name, { type: 'transaction', action, transaction });
      const made = await transactional[action]();
      end(recorder, call, made);
      if (made.outcome === 'ok' && action === 'commit') {
        for (const at of offsets) recorder.note(life.name, { type: 'commit', group, ...at });
      }
      if (made.outcome === 'ok') life.transaction = null;
      return made;
    }, action === 'commit');
    await life.step();
    return answer;
  };
  return {
    begin: async () => {
      await life.step();
      const answer = await transactional.begin();
      offsets = [];
      if (answer.outcome !== 'ok') return answer;
      life.transaction = link.nextTransaction();
      recorder.note(life.name, { type: 'transaction', action: 'begin', transaction: life.transaction });
      return answer;
    },
    send: (record) =>
      life.request(async () => {
        const { topic, key, value } = record;
        const data = { type: 'send', topic, key, value, transaction: open() } as const;
        const call = recorder.invoke(life.name, data);
        const answer = await transactional.send(record);
        if (answer.outcome !== 'ok') recorder[answer.outcome](call, answer.error);
        else recorder.ok(call, { ...data, ...placeOf(answer) });
        return answer;
      }, true),
    sendOffsets: (positions, consumer, options) =>
      life.request(async () => {
        const text = `offset ${positions.map(({ offset }) => offset).join(', ')} into ${open()}`;
        const call = recorder.invoke(life.name, { type: 'store', text });
        const answer = await transactional.sendOffsets(positions, consumer, options);
        end(recorder, call, answer);
        if (answer.outcome === 'ok') offsets = positions;
        return answer;
      }, true),
    commit: () => finish('commit'),
    abort: () => finish('abort'),
    close: () => transactional.close(),
  };
}
