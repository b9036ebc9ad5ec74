import type { LogDirectory } from './log-directory.ts';
import type { FailedLogDir } from './log-dirs.ts';

/** As the metadata says it of a partition whose log dir was not chosen yet. */
export const NO_DIRECTORY = 'AAAAAAAAAAAAAAAAAAAAAA';

/**
 * In which log dir a partition is made. Pure.
 *
 * Where a partition lies that is assigned to a log dir which cannot be used; null when it may be made anew.
 */
export function lostDirectory(
  assignedId: string,
  directories: readonly LogDirectory[],
  failed: readonly FailedLogDir[],
): LogDirectory | FailedLogDir | null {
  if (assignedId === NO_DIRECTORY) return null;
  const known = directories.find((each) => each.directoryId === assignedId);
  if (known !== undefined) return known.offline === null ? null : known;
  // A folder that could not be opened cannot say its id. Without one, the log dir was taken out of log.dirs by its owner.
  return failed[0] ?? null;
}

/** Those that are online, the best first: the assigned one, then those with the fewest partitions. */
export function placesForNew(
  assignedId: string,
  directories: readonly LogDirectory[],
  countIn: (directory: LogDirectory) => number,
): LogDirectory[] {
  const online = directories.filter((each) => each.offline === null);
  const rank = (directory: LogDirectory) => (directory.directoryId === assignedId ? -1 : countIn(directory));
  return online.sort((a, b) => rank(a) - rank(b));
}
