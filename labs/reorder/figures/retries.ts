/**
 * What the broker remembers, asked directly: six batches of one producer, each written once and then sent again under its own number; and a number out of nowhere.
 *
 * Invariant: the answers are the broker's, by raw requests; no client interprets them.
 */
import type { Ports } from '@mqlab/core/ports/ports.ts';
import { ErrorCode, errorOf } from '@mqlab/core/protocol/errors.ts';
import { Produce } from '@mqlab/core/protocol/messages/00-produce.ts';
import { InitProducerId } from '@mqlab/core/protocol/messages/22-init-producer-id.ts';
import { RpcClient } from '@mqlab/core/rpc/rpc-client.ts';
import type { Figure, Table, TableCell } from '@mqlab/reports/run-data.ts';
import type { FigureContext } from '../../kit/lab.ts';
import { oneRecord } from '../app/window-producer.ts';
import { TOPIC } from '../run.ts';

const BATCHES = 6;
/** The first number of a producer that the partition has never heard of. */
const OUT_OF_NOWHERE = 3;
const PRODUCE_VERSION_MAX = 12;

interface Answer {
  readonly errorCode: number;
  readonly baseOffset: number;
}

export async function retryTable(context: FigureContext): Promise<{
  readonly figures: Record<string, Figure>;
  readonly tables: Record<string, Table>;
}> {
  const target = await context.open('sim');
  try {
    const { first, again, nowhere } = await target.run(async () => {
      const app = target.app('p1');
      const admin = await app.client('mqlab').admin();
      await admin.createTopic(TOPIC, 2);
      await admin.close();
      return askAll(app.ports, app.bootstrap);
    });
    const known = again.filter(({ errorCode }) => errorCode === ErrorCode.NONE).length;
    const source = 'raw requests, sim target';
    return {
      figures: {
        'retries.batches': { value: BATCHES, unit: 'count', label: 'given', source: 'batches of one producer' },
        'retries.known': { value: known, unit: 'count', label: 'measured', source },
        'retries.refused': { value: BATCHES - known, unit: 'count', label: 'measured', source },
      },
      tables: {
        retries: {
          title: 'Six batches of one producer, then each of them once more',
          columns: [
            { name: 'batch' },
            { name: 'sequence', align: 'right' },
            { name: 'written' },
            { name: 'sent again under the same sequence' },
          ],
          rows: [
            ...first.map((answer, at): TableCell[] => [
              `v${at}`,
              at,
              { text: textOf(answer), tone: 'good' },
              { text: textOf(again[at]!), tone: again[at]!.errorCode === ErrorCode.NONE ? 'good' : 'bad' },
            ]),
            [
              'of a producer that the partition does not know',
              OUT_OF_NOWHERE,
              { text: textOf(nowhere), tone: nowhere.errorCode === ErrorCode.NONE ? 'warn' : 'good' },
              '',
            ],
          ],
          note: 'An offset in the last column is the offset of the first copy: nothing was written again.',
        },
      },
    };
  } finally {
    await target.close();
  }
}

async function askAll(ports: Ports, bootstrap: string) {
  const at = bootstrap.lastIndexOf(':');
  const address = { host: bootstrap.slice(0, at), port: Number(bootstrap.slice(at + 1)) };
  const connection = await RpcClient.connect(ports, address);
  const producerIdOf = async (): Promise<number> =>
    (await connection.send(InitProducerId, { transactionalId: null, transactionTimeoutMs: 1000 })).producerId;
  const write = async (producerId: number, partition: number, baseSequence: number): Promise<Answer> => {
    const identity = { producerId, producerEpoch: 0, baseSequence };
    const records = oneRecord(ports.clock.now(), null, `v${baseSequence}`, identity);
    const topicData = [{ name: TOPIC, partitionData: [{ index: partition, records }] }];
    const body = { transactionalId: null, acks: -1, timeoutMs: 1000, topicData };
    const { responses } = await connection.send(Produce, body, { versionMax: PRODUCE_VERSION_MAX });
    return responses[0]!.partitionResponses[0]!;
  };
  const producerId = await producerIdOf();
  const first: Answer[] = [];
  const again: Answer[] = [];
  for (let sequence = 0; sequence < BATCHES; sequence++) first.push(await write(producerId, 0, sequence));
  for (let sequence = 0; sequence < BATCHES; sequence++) again.push(await write(producerId, 0, sequence));
  const nowhere = await write(await producerIdOf(), 1, OUT_OF_NOWHERE);
  connection.close();
  return { first, again, nowhere };
}

function textOf({ errorCode, baseOffset }: Answer): string {
  return errorCode === ErrorCode.NONE ? `offset ${baseOffset}` : `${errorOf(errorCode).name} (${errorCode})`;
}
