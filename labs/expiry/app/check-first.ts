/** Looks once, at the start, whether something is gone; then consumes with auto.offset.reset=earliest. */
import { consume, type Hands } from './hands.ts';

// #excerpt check-first
export async function checkFirst(hands: Hands): Promise<never> {
  const { committed, start } = await hands.bounds();
  if (start > committed) hands.alarm(committed, start);
  return consume(hands);
}
// #end

/** The same, and what the source has of the time since the last effect is taken from there. */
// #excerpt refill-by-time
export async function refillByTime(hands: Hands): Promise<never> {
  const { bounds, alarm, source, ledger } = hands;
  const { committed, start } = await bounds();
  if (start > committed) {
    alarm(committed, start);
    for (const row of await source.since(ledger.lastSavedAtMs)) await ledger.save(row);
  }
  return consume(hands);
}
// #end
