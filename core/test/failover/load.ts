import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Consumer } from '../../client/consumer/consumer.ts';
import { Producer } from '../../client/producer/producer.ts';
import { realPorts } from '../../ports/real/ports.ts';
import { kafkaClasspath } from '../foreign/java.ts';
import { interpreter } from '../foreign/python.ts';

/**
 * Who writes while brokers die: numbers, each once, in order; with acks=all and an idempotent producer at full speed.
 *
 * A value is acknowledged when its producer was told so; what was sent and not acknowledged may be there or not.
 */
export interface Load {
  readonly name: string;
  /** Acknowledged values by partition, in the order of the acknowledgements, and what failed. */
  readonly acknowledged: ReadonlyMap<number, readonly number[]>;
  readonly failed: number;
  /** When the last acknowledgement of a partition came, performance.now(). */
  lastAckMs(partition: number): number;
  /** Told of each acknowledgement. */
  onAck: ((partition: number) => void) | null;
  /** Resolves when everything sent is settled. */
  stop(): Promise<void>;
}

abstract class Counted implements Load {
  abstract readonly name: string;
  readonly acknowledged = new Map<number, number[]>();
  failed = 0;
  onAck: ((partition: number) => void) | null = null;
  private readonly last = new Map<number, number>();

  abstract stop(): Promise<void>;

  lastAckMs(partition: number): number {
    return this.last.get(partition) ?? 0;
  }

  protected acked(partition: number, value: number): void {
    const known = this.acknowledged.get(partition);
    if (known === undefined) this.acknowledged.set(partition, [value]);
    else known.push(value);
    this.last.set(partition, performance.now());
    this.onAck?.(partition);
  }
}

const VALUE_BYTES = 100;

/** The project's own producer. */
export class OwnLoad extends Counted {
  readonly name = 'mqlab producer';
  private readonly producer: Producer<unknown, string>;
  private readonly done: Promise<void>;
  private isStopping = false;

  constructor(bootstrap: string, topic: string, partitions: number) {
    super();
    this.producer = new Producer(realPorts(), { 'bootstrap.servers': bootstrap, acks: 'all' });
    this.done = this.run(topic, partitions);
  }

  private async run(topic: string, partitions: number): Promise<void> {
    for (let n = 0; !this.isStopping; n++) {
      const partition = n % partitions;
      const isIn = this.producer.send({ topic, partition, value: String(n).padEnd(VALUE_BYTES) }, (error) => {
        if (error === null) this.acked(partition, n);
        else this.failed++;
      });
      if (!isIn) await this.producer.ready();
      // Answers are read between sends.
      if (n % 200 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await this.done;
    await this.producer.close();
  }
}

/** A producer in another process that prints a line for each outcome. */
abstract class ForeignLoad extends Counted {
  protected abstract readonly ended: Promise<void>;
  protected abstract end(): void;

  protected listen(command: string, args: readonly string[], onLine: (line: string) => void) {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: child.stdout }).on('line', onLine);
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    return { child, ended };
  }

  async stop(): Promise<void> {
    this.end();
    await this.ended;
  }
}

/** Kafka's own verifiable producer: idempotent and acks=all, as Java clients are by default. */
export class JavaLoad extends ForeignLoad {
  readonly name = 'Java VerifiableProducer';
  protected readonly ended: Promise<void>;
  private readonly child: ReturnType<typeof spawn>;

  constructor(bootstrap: string, topic: string) {
    super();
    const at = kafkaClasspath();
    if ('missing' in at) throw new Error(at.missing);
    const args = ['-Xmx256m', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', at.classpath];
    const { child, ended } = this.listen(
      'java',
      [
        ...args,
        'org.apache.kafka.tools.VerifiableProducer',
        '--bootstrap-server',
        bootstrap,
        '--topic',
        topic,
        '--acks',
        '-1',
      ],
      (line) => {
        if (!line.startsWith('{')) return;
        const told = JSON.parse(line) as { name: string; partition?: number; value?: string };
        if (told.name === 'producer_send_success') this.acked(told.partition!, Number(told.value));
        else if (told.name === 'producer_send_error') this.failed++;
      },
    );
    this.child = child;
    this.ended = ended;
  }

  protected end(): void {
    this.child.kill('SIGTERM');
  }
}

const CONFLUENT = `
import sys, threading
from confluent_kafka import Producer
bootstrap, topic = sys.argv[1:3]
producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5})
stopping = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stopping.set()), daemon=True).start()
def told(error, message):
    if error is None: print(f"ok {message.partition()} {int(message.value())}")
    else: print("failed", error, flush=True)
n = 0
while not stopping.is_set():
    try:
        producer.produce(topic, value=str(n), on_delivery=told)
        n += 1
    except BufferError:
        producer.poll(0.1)
    producer.poll(0)
producer.flush()
sys.stdout.flush()
`;

/** librdkafka's idempotent producer, by confluent-kafka. */
export class LibrdkafkaLoad extends ForeignLoad {
  readonly name = 'confluent-kafka (librdkafka) producer';
  protected readonly ended: Promise<void>;
  private readonly child: ReturnType<typeof spawn>;

  constructor(bootstrap: string, topic: string) {
    super();
    const { child, ended } = this.listen(interpreter, ['-c', CONFLUENT, bootstrap, topic], (line) => {
      const [outcome, partition, value] = line.split(' ');
      if (outcome === 'ok') this.acked(Number(partition), Number(value));
      else if (outcome === 'failed') this.failed++;
    });
    this.child = child;
    this.ended = ended;
  }

  protected end(): void {
    this.child.stdin?.end();
  }
}

/** Every partition from its beginning to its end, by a fresh client. */
export async function readAll(bootstrap: string, topic: string, partitions: number): Promise<Map<number, number[]>> {
  const consumer = new Consumer(realPorts(), { 'bootstrap.servers': bootstrap, 'max.poll.records': 10_000 });
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
  consumer.assign(all);
  consumer.seekToBeginning(all);
  const ends = await consumer.endOffsets(all);
  const found = new Map<number, number[]>(all.map(({ partition }) => [partition, []]));
  const next = new Map<number, number>(all.map(({ partition }) => [partition, 0]));
  while (all.some(({ partition }) => next.get(partition)! < ends.get(`${topic}-${partition}`)!)) {
    for (const record of await consumer.poll(1000)) {
      found.get(record.partition)!.push(Number(record.value!.toString()));
      next.set(record.partition, record.offset + 1);
    }
  }
  await consumer.close();
  return found;
}
