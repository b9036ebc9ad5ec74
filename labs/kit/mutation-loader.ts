/**
 * Loads one file of the broker with a fault in it, in this thread.
 *
 * Invariant: it must be called before anybody has loaded that file, and says afterwards whether it was loaded: a mutation that nobody runs proves nothing.
 * The files on the disk are not touched; other threads and processes see nothing of it.
 */
import { registerHooks } from 'node:module';
import { type Mutation, mutatedText, mutatedUrl } from './mutation.ts';

export interface PlantedMutation {
  /** The file was loaded with the fault. */
  readonly isLoaded: boolean;
}

/** Throws StaleMutationError. */
export function plantMutation(mutation: Mutation): PlantedMutation {
  const url = mutatedUrl(mutation);
  mutatedText(mutation);
  let isLoaded = false;
  registerHooks({
    load(loading, context, nextLoad) {
      const loaded = nextLoad(loading, context);
      if (loading !== url) return loaded;
      isLoaded = true;
      return { ...loaded, source: mutatedText(mutation) };
    },
  });
  return {
    get isLoaded() {
      return isLoaded;
    },
  };
}
