import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { kafkaClasspath } from '../foreign/java.ts';
import { interpreter, pythonMissing } from '../foreign/python.ts';
import type { Consumed, Stored } from './judge.ts';
import { Counted } from './load.ts';

/**
 * Clients of other hands as the load: programs in processes of their own that print a line for each outcome.
 *
 * Invariant: whatever ends this process ends theirs.
 */
const CONSUMER_MS_MAX = 60_000;
const END_MS_MAX = 150_000;

interface Program {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
}

function run(command: string, args: readonly string[], onLine: (line: string) => void): Program {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const endWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', endWithUs);
  // Nobody reads what is asked of a program that has ended.
  child.stdin!.on('error', () => {});
  createInterface({ input: child.stdout! }).on('line', onLine);
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => {
      process.off('exit', endWithUs);
      resolve();
    });
  });
  return { child, ended };
}

async function endedWithin({ child, ended }: Program, msMax: number): Promise<void> {
  const timer = setTimeout(() => child.kill('SIGKILL'), msMax);
  await ended;
  clearTimeout(timer);
}

function runJava(tool: string, args: readonly string[], onLine: (line: string) => void): Program {
  const at = kafkaClasspath();
  if ('missing' in at) throw new Error(at.missing);
  const jvm = ['-Xmx1g', '-XX:+UseSerialGC', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', at.classpath];
  return run('java', [...jvm, `org.apache.kafka.tools.${tool}`, ...args], onLine);
}

const PARTITION = /"partition":(\d+)/;
const OFFSET = /"offset":(\d+)/;
const VALUE = /"value":"(\d+)"/;
const numberIn = (line: string, pattern: RegExp): number => Number(pattern.exec(line)![1]);

/** The tool has no retries, and so no idempotence, unless it is told. */
/** The tool keeps objects for each record under way: of its small ones, a few MiB are a hundred thousand. */
const PRODUCER_CONFIG = 'acks=all\nenable.idempotence=true\nretries=2147483647\nbuffer.memory=4194304\n';

/**
 * Kafka's own verifiable producer: idempotent and acks=all, as Java's producers are by default; and beside it Kafka's verifiable consumer, alone in a group, whose
 * coordinator moves as well.
 */
export class JavaLoad extends Counted {
  readonly name = 'Java VerifiableProducer';
  private readonly producer: Program;
  private readonly consumer: Program;
  private readonly read = new Map<number, (number | undefined)[]>();
  private offsets = 0;
  private deliveries = 0;
  private readonly scratch = mkdtempSync(join(tmpdir(), 'mqlab-failover-java-'));

  constructor(bootstrap: string, topic: string) {
    super();
    const common = ['--bootstrap-server', bootstrap, '--topic', topic];
    const config = join(this.scratch, 'producer.properties');
    writeFileSync(config, PRODUCER_CONFIG);
    this.producer = runJava('VerifiableProducer', [...common, '--command-config', config], (line) => {
      if (line.includes('"producer_send_success"')) this.acked(numberIn(line, PARTITION), numberIn(line, VALUE));
      else if (line.includes('"producer_send_error"')) this.failed++;
    });
    const group = ['--group-id', 'failover', '--reset-policy', 'earliest', '--verbose'];
    this.consumer = runJava('VerifiableConsumer', [...common, ...group], (line) => {
      if (line.includes('"record_data"')) this.delivered(line);
    });
  }

  private delivered(line: string): void {
    const [partition, offset] = [numberIn(line, PARTITION), numberIn(line, OFFSET)];
    let values = this.read.get(partition);
    if (values === undefined) this.read.set(partition, (values = []));
    this.deliveries++;
    if (values[offset] === undefined) this.offsets++;
    values[offset] = numberIn(line, VALUE);
  }

  async stop(): Promise<void> {
    this.producer.child.kill('SIGTERM');
    await endedWithin(this.producer, END_MS_MAX);
    rmSync(this.scratch, { recursive: true, force: true });
  }

  override async consumed(stored: Stored): Promise<Consumed> {
    const total = [...stored.values()].reduce((sum, values) => sum + values.length, 0);
    const deadline = performance.now() + CONSUMER_MS_MAX;
    while (this.offsets < total && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    this.consumer.child.kill('SIGTERM');
    await endedWithin(this.consumer, CONSUMER_MS_MAX);
    return { values: this.read, deliveries: this.deliveries };
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
export class LibrdkafkaLoad extends Counted {
  readonly name = 'confluent-kafka (librdkafka) producer';
  private readonly program: Program;

  constructor(bootstrap: string, topic: string) {
    super();
    const missing = pythonMissing('confluent_kafka');
    if (missing !== undefined) throw new Error(missing);
    this.program = run(interpreter, ['-c', CONFLUENT, bootstrap, topic], (line) => {
      const [outcome, partition, value] = line.split(' ');
      if (outcome === 'ok') this.acked(Number(partition), Number(value));
      else if (outcome === 'failed') this.failed++;
    });
  }

  /** The end of its input tells it to flush and to end. */
  async stop(): Promise<void> {
    this.program.child.stdin!.end();
    await endedWithin(this.program, END_MS_MAX);
  }
}
