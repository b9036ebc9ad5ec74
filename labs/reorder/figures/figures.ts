/** The lab's figures: offsets against send order and what the broker remembers, from the simulator; what the cures cost, from a real broker process. */
import type { FigureContext, LabFigures } from '../../kit/lab.ts';
import { offsetPictures } from './offsets.ts';
import { measurePrice } from './price.ts';
import { retryTable } from './retries.ts';

export async function reorderFigures(context: FigureContext): Promise<LabFigures> {
  context.progress('offsets against send order');
  const offsets = await offsetPictures(context);
  const retries = await retryTable(context);
  context.progress('price');
  const price = await measurePrice(context);
  return {
    figures: { ...offsets.figures, ...retries.figures, ...price.figures },
    charts: { ...offsets.charts, ...price.charts },
    tables: retries.tables,
    price: price.price,
  };
}
