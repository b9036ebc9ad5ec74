/**
 * The threads of a load. A thread takes one task after another and stays between them, so that its code is warm: a new thread would spend the first
 * part of each run compiling, and measure that.
 *
 * Invariant: one task at a time; a thread whose task failed, or did not end, is not used again. Idle threads keep no process alive.
 */
import { Worker } from 'node:worker_threads';
import type {
  ConsumerReport,
  ConsumerTask,
  FromWorker,
  ProducerReport,
  ProducerTask,
  Start,
} from './worker-messages.ts';

type Kind = 'producer' | 'consumer';
type Report = ProducerReport | ConsumerReport;

const IDLE: Readonly<Record<Kind, Worker[]>> = { producer: [], consumer: [] };

function newWorker(kind: Kind): Worker {
  const worker = new Worker(new URL(`./${kind}-worker.ts`, import.meta.url), {
    // Records and their callbacks live for milliseconds: room for them to die young.
    resourceLimits: { maxYoungGenerationSizeMb: 96 },
  });
  worker.setMaxListeners(20);
  return worker;
}

/** A thread from the beginning of a task to its report. What it throws rejects whatever is awaited. */
export class LoadThread {
  readonly ready: Promise<void>;
  readonly report: Promise<Report>;
  private readonly kind: Kind;
  private readonly worker: Worker;
  private isOver = false;
  private readonly detach: () => void;

  static take(kind: 'producer', task: ProducerTask): LoadThread;
  static take(kind: 'consumer', task: ConsumerTask): LoadThread;
  static take(kind: Kind, task: ProducerTask | ConsumerTask): LoadThread {
    return new LoadThread(kind, IDLE[kind].pop() ?? newWorker(kind), task);
  }

  private constructor(kind: Kind, worker: Worker, task: ProducerTask | ConsumerTask) {
    this.kind = kind;
    this.worker = worker;
    const ready = Promise.withResolvers<void>();
    const report = Promise.withResolvers<Report>();
    const onMessage = (message: FromWorker): void => {
      if (message.kind === 'ready') return ready.resolve();
      this.isOver = true;
      report.resolve(message);
    };
    const onError = (error: Error): void => {
      ready.reject(error);
      report.reject(error);
    };
    const onExit = (): void => onError(new Error(`a ${kind} thread of the load ended early`));
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
    this.detach = () => worker.off('message', onMessage).off('error', onError).off('exit', onExit);
    this.ready = ready.promise;
    this.report = report.promise;
    // Whoever waits for one of them learns of a failure there.
    for (const each of [this.ready, this.report]) each.catch(() => {});
    worker.ref();
    worker.postMessage({ kind: 'task', task });
  }

  start(start: Start): void {
    this.worker.postMessage(start);
  }

  /** Lets a consumer that reads along take what is still on its way. */
  stopAfter(ms: number): void {
    setTimeout(() => this.worker.postMessage({ kind: 'stop' }), ms);
  }

  async end(): Promise<void> {
    this.detach();
    if (this.isOver) {
      this.worker.unref();
      IDLE[this.kind].push(this.worker);
    } else await this.worker.terminate();
  }
}
