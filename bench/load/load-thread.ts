/**
 * The threads of a load. A thread takes one task after another and stays between them, so that its code is warm: a new thread would spend the first
 * part of each run compiling, and measure that. Threads that drive a peer are kept by driver: one client's code does not unsettle another's.
 *
 * Invariant: one task at a time; a thread whose task failed, or did not end, is not used again. Idle threads keep no process alive.
 */
import { Worker } from 'node:worker_threads';
import type {
  ConsumerReport,
  ConsumerTask,
  FromWorker,
  PeerConsumerTask,
  PeerProducerTask,
  ProducerReport,
  ProducerTask,
  Start,
} from './worker-messages.ts';

type Kind = 'producer' | 'consumer' | 'peer-producer' | 'peer-consumer';
type Report = ProducerReport | ConsumerReport;
type Task = ProducerTask | ConsumerTask | PeerProducerTask | PeerConsumerTask;

const IDLE = new Map<string, Worker[]>();

function idleOf(kind: Kind, task: Task): Worker[] {
  const key = 'driver' in task ? `${kind} ${task.driver}` : kind;
  let idle = IDLE.get(key);
  if (idle === undefined) IDLE.set(key, (idle = []));
  return idle;
}

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
  /** Records that a peer's consumer has so far. */
  progress = 0;
  private readonly worker: Worker;
  private readonly idle: Worker[];
  private isOver = false;
  private readonly detach: () => void;

  static take(kind: 'producer', task: ProducerTask): LoadThread;
  static take(kind: 'consumer', task: ConsumerTask): LoadThread;
  static take(kind: 'peer-producer', task: PeerProducerTask): LoadThread;
  static take(kind: 'peer-consumer', task: PeerConsumerTask): LoadThread;
  static take(kind: Kind, task: Task): LoadThread {
    const idle = idleOf(kind, task);
    return new LoadThread(kind, idle, idle.pop() ?? newWorker(kind), task);
  }

  private constructor(kind: Kind, idle: Worker[], worker: Worker, task: Task) {
    this.idle = idle;
    this.worker = worker;
    const ready = Promise.withResolvers<void>();
    const report = Promise.withResolvers<Report>();
    const onMessage = (message: FromWorker): void => {
      if (message.kind === 'ready') return ready.resolve();
      if (message.kind === 'progress') {
        this.progress = message.records;
        return;
      }
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

  stop(): void {
    this.worker.postMessage({ kind: 'stop' });
  }

  /** Lets a consumer that reads along take what is still on its way. */
  stopAfter(ms: number): void {
    setTimeout(() => this.stop(), ms);
  }

  async end(): Promise<void> {
    this.detach();
    if (this.isOver) {
      this.worker.unref();
      this.idle.push(this.worker);
    } else await this.worker.terminate();
  }
}
