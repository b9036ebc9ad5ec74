// A NestJS application as its users write it: a microservice that listens to flights that landed and answers questions about them,
// and the desk that tells and asks. Nothing in it knows which broker it talks to.
// It stands on decorators, which Node's type stripping leaves alone: the tests' transformer turns them into calls, as this folder's
// tsconfig.json says, and the kinds of the constructors' parameters come with them, which NestJS injects by.
import 'reflect-metadata';
import { Controller, type DynamicModule, Inject, Injectable, Module, type OnModuleInit } from '@nestjs/common';
import {
  ClientKafka,
  ClientsModule,
  Ctx,
  EventPattern,
  KafkaContext,
  KafkaRetriableException,
  MessagePattern,
  Payload,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';

export interface Landing {
  readonly n: number;
  readonly origin: string;
  readonly delay: number;
}

/** Where a record was when its handler got it. */
export interface Entry extends Landing {
  readonly partition: number;
  readonly offset: string;
  readonly source: string | undefined;
}

export interface Delays {
  readonly origin: string;
  readonly landings: number;
  readonly delayMinutes: number;
}

/** What the service knows. Tells which landings come back: each hundredth is refused once, as if a database were away. */
@Injectable()
export class Logbook {
  readonly entries: Entry[] = [];
  readonly #refused = new Set<string>();

  enter(entry: Entry): void {
    this.entries.push(entry);
  }

  of(origin: string): Delays | undefined {
    const some = this.entries.filter((entry) => entry.origin === origin);
    if (some.length === 0) return undefined;
    return { origin, landings: some.length, delayMinutes: some.reduce((sum, { delay }) => sum + delay, 0) };
  }

  /** True the first time it is asked about `what`. */
  refuses(what: string): boolean {
    if (this.#refused.has(what)) return false;
    this.#refused.add(what);
    return true;
  }

  get refusals(): number {
    return this.#refused.size;
  }
}

@Controller()
export class FlightsController {
  readonly #logbook: Logbook;

  constructor(logbook: Logbook) {
    this.#logbook = logbook;
  }

  /** An event: nobody waits for an answer. A retriable failure leaves the offset where it is, and the record comes again. */
  @EventPattern<string>('flights.landed')
  landed(@Payload() landing: Landing, @Ctx() context: KafkaContext): void {
    if (landing.n % 100 === 13 && this.#logbook.refuses(`landing ${landing.n}`)) {
      throw new KafkaRetriableException('the logbook is closed');
    }
    const { offset, headers } = context.getMessage();
    const { n, origin, delay } = landing;
    this.#logbook.enter({
      ...{ n, origin, delay, offset },
      partition: context.getPartition(),
      source: headers?.source?.toString(),
    });
  }

  /** A question: what is returned goes to the reply topic, and so does what is thrown. */
  @MessagePattern('flights.delays')
  delays(@Payload() question: { readonly origin: string }): Delays {
    const known = this.#logbook.of(question.origin);
    if (known === undefined) throw new RpcException(`no flight from ${question.origin}`);
    return known;
  }

  /** A question that cannot be answered yet: it comes again, and only then is there a reply. */
  @MessagePattern('flights.gate')
  async gate(@Payload() question: { readonly n: number }, @Ctx() context: KafkaContext): Promise<string> {
    if (this.#logbook.refuses(`gate ${question.n}`)) throw new KafkaRetriableException('the tower does not answer');
    await context.getHeartbeat()();
    return `${context.getTopic()} ${question.n}`;
  }
}

@Module({ controllers: [FlightsController] })
export class FlightsModule {
  /** Instances that share a logbook are one service. */
  static on(logbook: Logbook): DynamicModule {
    return { module: FlightsModule, providers: [{ provide: Logbook, useValue: logbook }] };
  }
}

/** The side that tells and asks. */
@Injectable()
export class Desk implements OnModuleInit {
  readonly #client: ClientKafka;

  constructor(@Inject('FLIGHTS') client: ClientKafka) {
    this.#client = client;
  }

  async onModuleInit(): Promise<void> {
    for (const question of ['flights.delays', 'flights.gate']) this.#client.subscribeToResponseOf(question);
    await this.#client.connect();
  }

  async tell(landing: Landing): Promise<void> {
    const record = { key: landing.origin, value: landing, headers: { source: 'desk' } };
    await lastValueFrom(this.#client.emit('flights.landed', record));
  }

  async tellAll(landings: readonly Landing[]): Promise<void> {
    const messages = landings.map((value) => ({ key: value.origin, value }));
    await lastValueFrom(this.#client.emitBatch('flights.landed', { messages }));
  }

  async delays(origin: string): Promise<Delays> {
    return lastValueFrom(this.#client.send('flights.delays', { key: origin, value: { origin } }));
  }

  async gate(n: number): Promise<string> {
    return lastValueFrom(this.#client.send('flights.gate', { n }));
  }
}

@Module({ providers: [Desk] })
export class DeskModule {
  static at(bootstrap: string, groupId: string): DynamicModule {
    const client = ClientsModule.register([
      {
        name: 'FLIGHTS',
        transport: Transport.KAFKA,
        options: {
          client: { clientId: 'desk', brokers: [bootstrap] },
          consumer: { groupId, maxWaitTimeInMs: 50, heartbeatInterval: 300 },
          producer: { idempotent: true, maxInFlightRequests: 1 },
        },
      },
    ]);
    return { module: DeskModule, imports: [client] };
  }
}
