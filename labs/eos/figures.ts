/** The lab's figures: the picture of the last stable offset from the simulator, the price from a real broker process. */
import type { FigureContext, LabFigures } from '../kit/lab.ts';
import { measurePrice } from './price.ts';
import { stableOffset } from './stable-offset.ts';

export async function eosFigures(context: FigureContext): Promise<LabFigures> {
  context.progress('last stable offset');
  const stable = await stableOffset(context);
  context.progress('price by size');
  const price = await measurePrice(context);
  return {
    figures: { ...stable.figures, ...price.figures },
    charts: { ...stable.charts, ...price.charts },
    price: price.price,
  };
}
