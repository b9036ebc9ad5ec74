/**
 * The real ports for one life of a broker in a process that outlives it.
 *
 * Invariant: after `end` nothing of that life happens any more, as if its process were gone: its timers and deferred callbacks are dropped, its connections
 * reset and silent, its listeners, files and locks closed, and no promise of a port settles, so that code which waits for one never goes on.
 * What was written stays.
 *
 * Why: a broker that is asked to shut down flushes, hands over and waits for others. A row that is over needs none of it.
 */
import type { Clock } from '@mqlab/core/ports/clock.ts';
import type { File, Files } from '@mqlab/core/ports/files.ts';
import type { Connection, Network } from '@mqlab/core/ports/network.ts';
import type { Ports } from '@mqlab/core/ports/ports.ts';

/** What a life holds of the system, by how it is given back. */
export class Life {
  readonly #held = new Set<() => void>();
  #isOver = false;

  get isOver(): boolean {
    return this.#isOver;
  }

  /** `giveBack` is called at the end of the life, unless the function returned here is called before. */
  hold(giveBack: () => void): () => void {
    if (this.#isOver) giveBack();
    else this.#held.add(giveBack);
    return () => void this.#held.delete(giveBack);
  }

  /** Settles as `promise` does, while this life lasts. */
  wait<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(
        (value) => {
          if (!this.#isOver) resolve(value);
        },
        (error: unknown) => {
          if (!this.#isOver) reject(error);
        },
      );
    });
  }

  end(): void {
    this.#isOver = true;
    const held = [...this.#held];
    this.#held.clear();
    for (const giveBack of held) giveBack();
  }
}

export function portsOf(life: Life, system: Ports): Ports {
  return {
    clock: clockOf(life, system.clock),
    random: system.random,
    files: filesOf(life, system.files),
    network: networkOf(life, system.network),
  };
}

function clockOf(life: Life, clock: Clock): Clock {
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    setTimer(delayMs, callback) {
      const timer = clock.setTimer(delayMs, () => {
        forget();
        callback();
      });
      const forget = life.hold(() => timer.cancel());
      return {
        cancel: () => {
          forget();
          timer.cancel();
        },
      };
    },
    defer(callback) {
      clock.defer(() => {
        if (!life.isOver) callback();
      });
    },
  };
}

function networkOf(life: Life, network: Network): Network {
  return {
    listen: async (address, onConnection) => {
      const listening = network.listen(address, (connection) => {
        if (life.isOver) connection.destroy();
        else onConnection(held(life, connection));
      });
      const closing = listening.then((listener) => ({ listener, forget: life.hold(() => void listener.close()) }));
      const { listener, forget } = await life.wait(closing);
      return {
        address: listener.address,
        close: () => {
          forget();
          return life.wait(listener.close());
        },
      };
    },
    connect: (address, timeoutMs) =>
      life.wait(network.connect(address, timeoutMs).then((connection) => held(life, connection))),
  };
}

/** The connection itself: the network's own class knows it again. */
function held(life: Life, connection: Connection): Connection {
  const forget = life.hold(() => connection.destroy());
  const start = connection.start.bind(connection);
  connection.start = (receiver) =>
    start({
      onData: (chunk) => {
        if (!life.isOver) receiver.onData(chunk);
      },
      onDrain: () => {
        if (!life.isOver) receiver.onDrain?.();
      },
      onClose: (error) => {
        forget();
        if (!life.isOver) receiver.onClose(error);
      },
    });
  return connection;
}

function filesOf(life: Life, files: Files): Files {
  return {
    ...files,
    open: (path, mode) => heldFile(life, files.open(path, mode)),
    flushDirectory: (path) => life.wait(files.flushDirectory(path)),
    lock: (path) => {
      const lock = files.lock(path);
      if (lock === null) return null;
      const forget = life.hold(() => lock.release());
      return {
        release: () => {
          forget();
          lock.release();
        },
      };
    },
  };
}

/** The file itself: on its way to a socket it must be the system's own. */
function heldFile(life: Life, file: File): File {
  const close = file.close.bind(file);
  const flush = file.flush.bind(file);
  const forget = life.hold(close);
  file.close = () => {
    forget();
    close();
  };
  file.flush = () => life.wait(flush());
  return file;
}
