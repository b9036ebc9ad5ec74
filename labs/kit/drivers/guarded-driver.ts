/**
 * A driver that dies with its application process: after the crash nothing it was asked for ever settles, as in a process that is gone, and
 * what it had opened is closed in the background when the target closes.
 */
import type { AdminDriver, ClientDriver, ConsumerDriver, ProducerDriver, TransactionalDriver } from './driver.ts';

const CLOSE_MS_MAX = 5000;

export class DriverGuard {
  readonly #open = new Set<{ close(): Promise<void> }>();
  #alive = true;

  get alive(): boolean {
    return this.#alive;
  }

  kill(): void {
    this.#alive = false;
  }

  wrap(driver: ClientDriver): ClientDriver {
    return {
      name: driver.name,
      version: driver.version,
      defaults: driver.defaults,
      producer: (settings) => this.#opened(driver.producer(settings), (inner) => this.#producer(inner)),
      transactional: (settings) => this.#opened(driver.transactional(settings), (inner) => this.#transactional(inner)),
      consumer: (settings) => {
        const { onAssigned, onRevoked } = settings;
        const guarded = {
          ...settings,
          ...(onAssigned === undefined ? {} : { onAssigned: this.#callback(onAssigned) }),
          ...(onRevoked === undefined ? {} : { onRevoked: this.#callback(onRevoked) }),
        };
        return this.#opened(driver.consumer(guarded), (inner) => this.#consumer(inner));
      },
      admin: () => this.#opened(driver.admin(), (inner) => this.#admin(inner)),
    };
  }

  /** Closes what is still open, the dead one's too; gives up on each after a while. */
  async close(): Promise<void> {
    this.#alive = false;
    const closing = [...this.#open].map((one) => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, CLOSE_MS_MAX);
      });
      return Promise.race([one.close().catch(() => {}), late]).finally(() => clearTimeout(timer));
    });
    this.#open.clear();
    await Promise.all(closing);
  }

  async #opened<T extends { close(): Promise<void> }>(opening: Promise<T>, wrap: (inner: T) => T): Promise<T> {
    const inner = await this.#settled(opening);
    this.#open.add(inner);
    return wrap(inner);
  }

  /** Settles like the promise while the process lives, and never after. */
  #settled<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(
        (value) => {
          if (this.#alive) resolve(value);
        },
        (error: unknown) => {
          if (this.#alive) reject(error);
        },
      );
    });
  }

  #callback<A extends readonly unknown[], R>(callback: (...args: A) => R): (...args: A) => R | undefined {
    return (...args) => (this.#alive ? callback(...args) : undefined);
  }

  #close(inner: { close(): Promise<void> }): Promise<void> {
    this.#open.delete(inner);
    return this.#settled(inner.close());
  }

  #producer(inner: ProducerDriver): ProducerDriver {
    return {
      send: (record) => this.#settled(inner.send(record)),
      flush: () => this.#settled(inner.flush()),
      close: () => this.#close(inner),
    };
  }

  #transactional(inner: TransactionalDriver): TransactionalDriver {
    return {
      begin: () => this.#settled(inner.begin()),
      send: (record) => this.#settled(inner.send(record)),
      sendOffsets: (offsets, consumer, options) => this.#settled(inner.sendOffsets(offsets, consumer, options)),
      commit: () => this.#settled(inner.commit()),
      abort: () => this.#settled(inner.abort()),
      close: () => this.#close(inner),
    };
  }

  #consumer(inner: ConsumerDriver): ConsumerDriver {
    return {
      get generation() {
        return inner.generation;
      },
      native: inner.native,
      poll: (maxWaitMs) => this.#settled(inner.poll(maxWaitMs)),
      commit: (offsets) => this.#settled(inner.commit(offsets)),
      seek: (at) => this.#settled(inner.seek(at)),
      pause: (partitions) => inner.pause(partitions),
      resume: (partitions) => inner.resume(partitions),
      close: () => this.#close(inner),
    };
  }

  #admin(inner: AdminDriver): AdminDriver {
    return {
      createTopic: (topic, partitions, configs, replicas) =>
        this.#settled(inner.createTopic(topic, partitions, configs, replicas)),
      addPartitions: (topic, count) => this.#settled(inner.addPartitions(topic, count)),
      deleteTopic: (topic) => this.#settled(inner.deleteTopic(topic)),
      offsets: (topic) => this.#settled(inner.offsets(topic)),
      committed: (group, topic) => this.#settled(inner.committed(group, topic)),
      close: () => this.#close(inner),
    };
  }
}
