import { scanHeaders } from './batch-scan.ts';
import { isInSequence, type ProducerEntry } from './producer-entry.ts';
import type { ProducerState } from './producer-state.ts';
import type { Segment } from './segment.ts';

/**
 * The batches before the last one of each producer, read from the log where a snapshot was loaded: Kafka's snapshot keeps the last batch only, and with that
 * alone a retry of one of the four before it would be refused as out of order, numbered anew by its client and stored a second time.
 *
 * Invariant: what is added are batches that the log holds, of the entry's epoch, each followed in sequence by the next. Only the end of one segment is looked
 * at, and only for producers that wrote a moment ago: those whose requests may still be under way.
 */
const BATCHES_BEFORE = 4;
/** Beside other producers' records. */
const OFFSETS_PER_BATCH_MIN = 100;
const OFFSETS_MAX = 20_000;
/** As long as clients try: delivery.timeout.ms, with room. */
const RECENT_MS = 10 * 60_000;

export function restoreTails(producers: ProducerState, segments: readonly Segment[]): void {
  const { endOffset } = producers;
  const segment = segments.findLast(({ baseOffset }) => baseOffset < endOffset);
  const wanted = recentEntries(producers.entries.values());
  if (segment === undefined || wanted.size === 0) return;
  let from = endOffset;
  for (const { batches } of wanted.values()) {
    const last = batches[0]!;
    from = Math.min(from, last.lastOffset - BATCHES_BEFORE * 2 * Math.max(last.offsetDelta + 1, OFFSETS_PER_BATCH_MIN));
  }
  const first = segment.findBatch(Math.max(segment.baseOffset, from, endOffset - OFFSETS_MAX));
  if (first === null) return;
  const found = new Map<number, ProducerEntry['batches']>();
  scanHeaders(segment.file, first.position, segment.size, (batch) => {
    if (batch.baseOffset >= endOffset) return false;
    const entry = batch.hasProducerId && !batch.isControl ? wanted.get(batch.producerId) : undefined;
    if (entry === undefined || batch.producerEpoch !== entry.producerEpoch) return true;
    if (batch.lastOffset >= entry.batches[0]!.lastOffset) return true;
    const known = found.get(entry.producerId) ?? [];
    found.set(entry.producerId, known);
    known.push({
      baseSequence: batch.baseSequence,
      lastSequence: batch.lastSequence,
      lastOffset: batch.lastOffset,
      offsetDelta: batch.lastOffset - batch.baseOffset,
      timestamp: batch.maxTimestamp,
    });
    if (known.length > BATCHES_BEFORE) known.shift();
    return true;
  });
  for (const [producerId, before] of found) prepend(wanted.get(producerId)!, before);
}

function recentEntries(entries: Iterable<ProducerEntry>): ReadonlyMap<number, ProducerEntry> {
  const all = [...entries].filter(({ batches }) => batches.length === 1);
  const newestMs = all.reduce((newest, { lastTimestamp }) => Math.max(newest, lastTimestamp), 0);
  const recent = all.filter(({ lastTimestamp }) => lastTimestamp >= newestMs - RECENT_MS);
  return new Map(recent.map((entry) => [entry.producerId, entry]));
}

/** Those that the known batch follows without a gap. */
function prepend({ batches }: ProducerEntry, before: ProducerEntry['batches']): void {
  for (const batch of before.reverse()) {
    if (!isInSequence(batch.lastSequence, batches[0]!.baseSequence)) return;
    batches.unshift(batch);
  }
}
