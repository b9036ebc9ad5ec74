import type { StateBatch } from './persister.ts';

/**
 * Batches of record states laid over each other: what the state of each offset is when old and new ones are taken together.
 *
 * Invariant of the result: ascending, not overlapping, nothing before the start offset, and neighbours with the same state are one. Where batches meet, the one
 * delivered more often wins, then the state that is further on (available < acknowledged < archived): a write that comes late cannot take back what a
 * later one said.
 */
export function combineStateBatches(
  before: readonly StateBatch[],
  added: readonly StateBatch[],
  startOffset: number,
): readonly StateBatch[] {
  const batches = [...before, ...added]
    .filter((each) => each.lastOffset >= startOffset)
    .map((each) => (each.firstOffset >= startOffset ? each : { ...each, firstOffset: startOffset }))
    .sort((a, b) => a.firstOffset - b.firstOffset);
  const result: StateBatch[] = [];
  /** Those that begin at or before the position. */
  let open: StateBatch[] = [];
  let next = 0;
  let position = batches[0]?.firstOffset ?? 0;
  while (open.length > 0 || next < batches.length) {
    if (open.length === 0) position = batches[next]!.firstOffset;
    while (next < batches.length && batches[next]!.firstOffset <= position) open.push(batches[next++]!);
    const winner = open.reduce((best, each) => (isAhead(each, best) ? each : best));
    let lastOffset = winner.lastOffset;
    // Until the winner ends, or one begins that beats it.
    for (let i = next; i < batches.length && batches[i]!.firstOffset <= lastOffset; i++) {
      if (isAhead(batches[i]!, winner)) lastOffset = batches[i]!.firstOffset - 1;
    }
    add(result, { ...winner, firstOffset: position, lastOffset });
    position = lastOffset + 1;
    while (next < batches.length && batches[next]!.firstOffset <= position) open.push(batches[next++]!);
    open = open.filter((each) => each.lastOffset >= position);
  }
  return result;
}

function isAhead(a: StateBatch, b: StateBatch): boolean {
  if (a.deliveryCount !== b.deliveryCount) return a.deliveryCount > b.deliveryCount;
  return a.deliveryState > b.deliveryState;
}

/** Appends a batch, as part of the last one where that goes on in the same state. */
function add(batches: StateBatch[], batch: StateBatch): void {
  const last = batches.at(-1);
  const continues =
    last !== undefined &&
    last.lastOffset + 1 === batch.firstOffset &&
    last.deliveryState === batch.deliveryState &&
    last.deliveryCount === batch.deliveryCount;
  if (continues) batches[batches.length - 1] = { ...last, lastOffset: batch.lastOffset };
  else batches.push(batch);
}
