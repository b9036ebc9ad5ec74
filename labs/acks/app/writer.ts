/**
 * The application: a topic, and a producer that writes orders to it. `Setup` names its decisions; scenarios differ in nothing else.
 *
 * Invariant: what a setup does not name is the client's and the broker's default: endless retries within delivery.timeout.ms, idempotence where acks=all allows it, records
 * flushed when the operating system likes.
 */
import { Admin } from '@mqlab/core/client/admin/admin.ts';
import type { ClientDriver, ProducerDriver } from '../../kit/drivers/driver.ts';
import type { AppProcess } from '../../kit/targets/target.ts';

export type Acks = 0 | 1 | -1;

export interface Setup {
  readonly topic: string;
  readonly acks: Acks;
  /** Brokers of its only partition, the leader first. */
  readonly replicas: readonly number[];
  /** Default: 1. */
  readonly minInSync?: number;
  /** Default: off. */
  readonly unclean?: boolean;
  /** A flush to the device with each record; default: none. */
  readonly flushes?: boolean;
  /** 0: the first refusal is final. Default: the client's. */
  readonly retries?: number;
}

/** A broker without power says nothing: the producer waits so long before it asks again. The default is 30 s. */
export const REQUEST_TIMEOUT_MS = 2000;

export const TOPIC = 'orders';
export const ALL_REPLICAS: readonly number[] = [1, 2, 3];

// #excerpt safe
export const SAFE: Setup = {
  topic: TOPIC,
  replicas: ALL_REPLICAS, // replication.factor=3
  acks: -1, //               acks=all, and with it enable.idempotence=true
  minInSync: 2, //           min.insync.replicas=2
  unclean: false, //         unclean.leader.election.enable=false
};
// #end

// #excerpt topic
export async function makeTopic(app: AppProcess, bootstrap: string, setup: Setup): Promise<void> {
  const { topic, replicas, minInSync = 1, unclean = false, flushes = false } = setup;
  const admin = new Admin(app.ports, { 'bootstrap.servers': bootstrap });
  const configs = {
    'min.insync.replicas': String(minInSync),
    'unclean.leader.election.enable': String(unclean),
    ...(flushes ? { 'flush.messages': '1' } : {}),
  };
  await admin.createTopics([{ name: topic, assignments: [replicas], configs }]);
  await admin.close();
}

export function openWriter(client: ClientDriver, { acks, retries }: Setup): Promise<ProducerDriver> {
  return client.producer({
    acks,
    lingerMs: 0,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    ...(retries === undefined ? {} : { retries }),
  });
}
// #end
