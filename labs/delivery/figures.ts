/** The lab's figures: what a crash does at each moment, from the simulator; the price of a transaction, from a real broker process. */
import type { FigureContext, LabFigures } from '../kit/lab.ts';
import { momentTable } from './moments.ts';
import { measurePrice } from './price.ts';

export async function deliveryFigures(context: FigureContext): Promise<LabFigures> {
  context.progress('a crash at each step');
  const moments = await momentTable(context);
  context.progress('price');
  const price = await measurePrice(context);
  return {
    figures: { ...moments.figures, ...price.figures },
    charts: { ...moments.charts, ...price.charts },
    price: price.price,
  };
}
