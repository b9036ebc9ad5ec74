/** The lab's figures: the state table and the expiry from the simulator, the price from real stores. */
import type { Figure } from '@mqlab/reports/run-data.ts';
import type { FigureContext, LabFigures, SimulateContext } from '../../kit/lab.ts';
import { SESSION_MS } from '../run.ts';
import { type ExpiryPoint, expiryChart, measureExpiry } from './expiry.ts';
import { measurePrice } from './price.ts';
import { makeStateTable, type StateTable, stateChart } from './state-table.ts';

const ROUND_MS = { quick: 60, full: 500 } as const;

interface Simulated {
  readonly table: StateTable;
  readonly points: readonly ExpiryPoint[];
}

export async function simulateDedup({ input, seed }: SimulateContext): Promise<Simulated> {
  return { table: await makeStateTable(input, seed), points: await measureExpiry(input, seed) };
}

export async function dedupFigures(context: FigureContext): Promise<LabFigures> {
  const { input, options, profile, progress } = context;
  const { table, points } = context.simulated as Simulated;
  progress('price of each way');
  const price = await measurePrice(input, options, ROUND_MS[profile]);

  const cells = table.rows.flatMap(({ outcomes }) => [...outcomes.crash.values(), ...outcomes.pause.values()]);
  const count = (value: number, source: string): Figure => ({ value, unit: 'count', label: 'measured', source });
  const cellsOf = (outcome: string): number => cells.filter((cell) => cell === outcome).length;
  const delays = points.map(({ delayMs }) => delayMs).sort((a, b) => a - b);
  // A dot on the wrong side of the line would refute the rule.
  const offRule = points.filter(({ delayMs, expiryMs, isRepeated }) => isRepeated !== delayMs > expiryMs).length;
  return {
    figures: {
      ...price.figures,
      'table.runs': count(table.runs, 'one run for each step of each way, by crash and by pause'),
      'table.cells': count(cells.length, 'moments that the ways have, in both tables'),
      'table.holds': count(cellsOf('holds'), 'cells of both tables'),
      'table.repeated': count(cellsOf('repeated'), 'cells of both tables'),
      'table.lost': count(cellsOf('lost'), 'cells of both tables'),
      'table.stale': count(cellsOf('stale'), 'cells of both tables'),
      'expiry.runs': count(points.length, 'expiry × downtime'),
      'expiry.exceptions': count(
        offRule,
        'runs in which the record was repeated within the expiry, or skipped after it',
      ),
      'redelivery.fastest': {
        value: delays[0]!,
        unit: 'ms',
        label: 'measured',
        samples: delays.length,
        source: 'virtual time from the id to the next poll; the consumer is back at once and waits for its old session',
      },
      'session.sim': {
        value: SESSION_MS.sim,
        unit: 'ms',
        label: 'given',
        source: "the lab's setting in the simulator",
      },
    },
    charts: {
      'states-crash': stateChart(table, 'crash'),
      'states-pause': stateChart(table, 'pause'),
      expiry: expiryChart(points),
      ...price.charts,
    },
    price: price.price,
    limits: [
      `Prices were measured with ${price.stores}, in the process of the consumer where embedded: a store across a network adds its round trips, one for each request of a way.`,
    ],
  };
}
