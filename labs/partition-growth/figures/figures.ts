/** The lab's figures: which keys a growth moves, where each client puts the same keys, and how long a drain stops the producers. */
import type { FigureContext, LabFigures } from '../../kit/lab.ts';
import { growthOfKeys, keysOfClients } from './keys.ts';
import { measurePause } from './pause.ts';

export async function growthFigures(context: FigureContext): Promise<LabFigures> {
  const growth = growthOfKeys(context);
  context.progress('where clients put keys');
  const target = await context.open('local');
  const clients = await keysOfClients(context, target).finally(() => target.close());
  context.progress('pauses');
  const pause = await measurePause(context);
  return {
    figures: { ...growth.figures, ...clients.figures, ...pause.figures },
    charts: { ...growth.charts, ...pause.charts },
    tables: { ...growth.tables, ...clients.tables },
    price: pause.price,
    limits: clients.limits,
  };
}
