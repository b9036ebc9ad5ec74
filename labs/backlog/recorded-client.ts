/**
 * A client whose sends, polls, commits and assignments are written into the history as they happen.
 *
 * Invariant: it passes everything through unchanged. A call that the process does not live to see the end of stays open: nobody knows what became of it.
 */
import type { ClientDriver, ConsumerDriver, ProducerDriver } from '../kit/drivers/driver.ts';
import type { Recorder } from '../kit/history.ts';

export interface Watch {
  readonly recorder: Recorder;
  readonly process: string;
  /** Records were polled and the process has not come back for more, or it has. */
  readonly onHolding?: (isHolding: boolean) => void;
}

export function recordedClient(client: ClientDriver, watch: Watch): ClientDriver {
  const { recorder, process } = watch;
  return {
    name: client.name,
    version: client.version,
    defaults: client.defaults,
    admin: () => client.admin(),
    transactional: (settings) => client.transactional(settings),
    producer: async (settings) => recordedProducer(await client.producer(settings), watch),
    consumer: async (settings) => {
      const group = settings.group ?? '';
      const consumer = await client.consumer({
        ...settings,
        onAssigned: (partitions, generation) => {
          if (partitions.length > 0) recorder.note(process, { type: 'assign', group, generation, partitions });
          settings.onAssigned?.(partitions, generation);
        },
        onRevoked: (partitions, generation) => {
          if (partitions.length > 0) recorder.note(process, { type: 'revoke', group, generation, partitions });
          settings.onRevoked?.(partitions, generation);
        },
      });
      return recordedConsumer(consumer, group, watch);
    },
  };
}

function recordedProducer(producer: ProducerDriver, { recorder, process }: Watch): ProducerDriver {
  return {
    send: async (record) => {
      const { topic, partition, key, value } = record;
      const data = { type: 'send', topic, key, value, ...(partition === undefined ? {} : { partition }) } as const;
      const call = recorder.invoke(process, data);
      const answer = await producer.send(record);
      if (answer.outcome === 'ok') {
        const { outcome: _, ...place } = answer;
        recorder.ok(call, { ...data, ...place });
      } else recorder[answer.outcome](call, answer.error);
      return answer;
    },
    flush: () => producer.flush(),
    close: () => producer.close(),
  };
}

function recordedConsumer(consumer: ConsumerDriver, group: string, watch: Watch): ConsumerDriver {
  const { recorder, process, onHolding } = watch;
  return {
    ...consumer,
    get generation() {
      return consumer.generation;
    },
    poll: async (maxWaitMs) => {
      onHolding?.(false);
      const records = await consumer.poll(maxWaitMs);
      if (records.length > 0) {
        onHolding?.(true);
        const seen = records.map(({ headers: _, ...record }) => record);
        recorder.note(process, { type: 'poll', records: seen });
      }
      return records;
    },
    commit: async (offsets) => {
      const calls = offsets.map((at) => recorder.invoke(process, { type: 'commit', group, ...at }));
      const answer = await consumer.commit(offsets);
      for (const call of calls) {
        if (answer.outcome === 'ok') recorder.ok(call);
        else recorder[answer.outcome](call, answer.error);
      }
      return answer;
    },
  };
}
