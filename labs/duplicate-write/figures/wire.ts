/**
 * What passes between producers and brokers, message by message, in the simulator: Produce with the producer's id, epoch and sequence, and the requests that give and end identities. Between
 * brokers: the batches that followers fetch.
 *
 * Invariant: only reads. Every link has one latency here and splits nothing, so that a message arrives when the picture says so. An answer that a fault of the plan made the network lose is told
 * from the fault's own note in the history: the first bytes to that process after it.
 */
import type { NetworkEvent } from '@mqlab/core/ports/sim/network.ts';
import type { SimWorld } from '@mqlab/core/ports/sim/world.ts';
import { errorOf } from '@mqlab/core/protocol/errors.ts';
import { type RequestHeaderVersion, readRequestHeader, requestHeaderVersion } from '@mqlab/core/protocol/header.ts';
import { Produce } from '@mqlab/core/protocol/messages/00-produce.ts';
import { Fetch } from '@mqlab/core/protocol/messages/01-fetch.ts';
import { InitProducerId } from '@mqlab/core/protocol/messages/22-init-producer-id.ts';
import { EndTxn } from '@mqlab/core/protocol/messages/26-end-txn.ts';
import { TxnOffsetCommit } from '@mqlab/core/protocol/messages/28-txn-offset-commit.ts';
import { Reader } from '@mqlab/core/protocol/reader.ts';
import { recordsOf } from '@mqlab/core/protocol/record.ts';
import { batchesIn, type RecordBatch } from '@mqlab/core/protocol/record-batch.ts';
import { decodeResponse, readCorrelationId } from '@mqlab/core/rpc/request-codec.ts';
import type { TimelineEvent } from '@mqlab/reports/chart-spec.ts';
import type { Recorder } from '../../kit/history.ts';
import { shortOf } from '../run.ts';

export const LATENCY_MS = 1;
const SIZE_BYTES = 4;
const LOSES_AN_ANSWER: ReadonlySet<string> = new Set(['drop-response', 'kill-broker']);

interface Asked {
  readonly apiKey: number;
  readonly apiVersion: number;
}

export class Wire {
  readonly events: TimelineEvent[] = [];
  readonly #recorder: Recorder;
  readonly #now: () => number;
  readonly #asked = new Map<string, Asked>();
  readonly #lost = new Map<string, number>();

  /** `now` is the recorder's time. */
  constructor(
    world: SimWorld,
    recorder: Recorder,
    now: () => number,
    apps: readonly string[],
    brokers: readonly string[],
  ) {
    this.#recorder = recorder;
    this.#now = now;
    for (const app of apps) {
      for (const broker of brokers) {
        world.network.link(app, broker, { latencyMs: [LATENCY_MS, LATENCY_MS], splitChance: 0 });
      }
    }
    world.network.intercept((event) => {
      const [app, broker] = event.side === 'client' ? [event.from, event.to] : [event.to, event.from];
      if (event.kind === 'send' && apps.includes(app) && brokers.includes(broker)) this.#see(event, app);
      if (event.kind === 'send' && brokers.includes(app) && brokers.includes(broker)) this.#see(event, null);
      return 'deliver';
    });
  }

  /** `app` is null between brokers. */
  #see(event: NetworkEvent, app: string | null): void {
    const { from, to, side, connectionId } = event;
    const isLost = side === 'server' && app !== null && this.#isLost(app);
    const data = event.data();
    for (let at = 0; at + SIZE_BYTES <= data.length; ) {
      const bytes = data.readInt32BE(at);
      const frame = data.subarray(at + SIZE_BYTES, at + SIZE_BYTES + bytes);
      at += SIZE_BYTES + bytes;
      const label = side === 'client' ? this.#request(frame, connectionId) : this.#response(frame, connectionId);
      if (label === null) continue;
      const timeMs = Math.round(this.#now() * 1000) / 1000;
      const kind = isLost ? 'lost-message' : 'message';
      this.events.push({ process: from, to, timeMs, untilMs: timeMs + LATENCY_MS, kind, label });
    }
  }

  #isLost(app: string): boolean {
    const faults = this.#recorder.operations.filter(
      ({ data }) => data.type === 'fault' && data.detail === app && LOSES_AN_ANSWER.has(data.kind),
    ).length;
    const lost = this.#lost.get(app) ?? 0;
    if (lost >= faults) return false;
    this.#lost.set(app, lost + 1);
    return true;
  }

  #request(frame: Buffer, connectionId: number): string | null {
    const reader = new Reader(frame);
    const header = readRequestHeader(reader, headerVersionOf);
    const { apiKey, apiVersion } = header;
    this.#asked.set(`${connectionId}/${header.correlationId}`, { apiKey, apiVersion });
    switch (apiKey) {
      case Produce.key: {
        const { topicData } = Produce.request.read(reader, apiVersion);
        return topicData
          .flatMap(({ partitionData }) =>
            partitionData.flatMap(({ records }) => (records === null ? [] : [...batchesIn(records as Buffer)])),
          )
          .map((batch) => `Produce ${batchText(batch)}`)
          .join('; ');
      }
      case InitProducerId.key:
        return 'InitProducerId';
      case TxnOffsetCommit.key: {
        const { topics } = TxnOffsetCommit.request.read(reader, apiVersion);
        const offset = topics[0]?.partitions[0]?.committedOffset ?? 0;
        return `TxnOffsetCommit: position ${offset}`;
      }
      case EndTxn.key:
        return `EndTxn: ${EndTxn.request.read(reader, apiVersion).committed ? 'commit' : 'abort'}`;
      default:
        return null;
    }
  }

  #response(frame: Buffer, connectionId: number): string | null {
    const key = `${connectionId}/${readCorrelationId(frame)}`;
    const asked = this.#asked.get(key);
    this.#asked.delete(key);
    switch (asked?.apiKey) {
      case Produce.key: {
        const { responses } = decodeResponse(Produce, asked.apiVersion, frame);
        const answer = responses[0]?.partitionResponses[0];
        if (answer === undefined) return null;
        return answer.errorCode === 0 ? `offset ${answer.baseOffset}` : errorOf(answer.errorCode).name;
      }
      case Fetch.key: {
        const { responses } = decodeResponse(Fetch, asked.apiVersion, frame);
        const batches = responses.flatMap(({ partitions }) =>
          partitions.flatMap(({ records }) => (records === null ? [] : [...batchesIn(records as Buffer)])),
        );
        return batches.length === 0 ? null : `fetched: ${batches.map(batchText).join('; ')}`;
      }
      case InitProducerId.key: {
        const { errorCode, producerId, producerEpoch } = decodeResponse(InitProducerId, asked.apiVersion, frame);
        return errorCode === 0 ? `you are ${producerId}, epoch ${producerEpoch}` : errorOf(errorCode).name;
      }
      case TxnOffsetCommit.key:
        return 'taken';
      case EndTxn.key:
        return errorOf(decodeResponse(EndTxn, asked.apiVersion, frame).errorCode).name === 'NONE' ? 'done' : 'refused';
      default:
        return null;
    }
  }
}

/** Its records, and who wrote them. */
function batchText(batch: RecordBatch): string {
  const values = [...recordsOf(batch)].map(({ value }) => shortOf(value?.toString() ?? ''));
  const who = batch.producerId < 0 ? 'no id' : `id ${batch.producerId}/${batch.producerEpoch}`;
  const sequence = batch.producerId < 0 ? '' : `, seq ${batch.baseSequence}`;
  return `${values.join('+')}: ${who}${sequence}`;
}

const SHOWN = [Produce, Fetch, InitProducerId, EndTxn, TxnOffsetCommit];

/** Undefined for requests that the picture does not show. */
function headerVersionOf(apiKey: number, apiVersion: number): RequestHeaderVersion | undefined {
  const api = SHOWN.find(({ key }) => key === apiKey);
  return api === undefined ? undefined : requestHeaderVersion(api as never, apiVersion);
}
