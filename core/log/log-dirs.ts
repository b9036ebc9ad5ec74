import { type Files, FilesError } from '../ports/files.ts';
import type { Random } from '../ports/random.ts';
import { LogDirectory, LogDirectoryError, readMetaProperties } from './log-directory.ts';

/**
 * The broker's log dirs: those of log.dirs, where partitions lie, and the one with the metadata log, which may be one of them or stand apart.
 *
 * A log dir whose disk refuses at the start is left out and said, as long as another one is there; one that is in use, or another broker's, stops the
 * start. Without the metadata log's there is no start either.
 */
export interface LogDirsOptions {
  readonly files: Files;
  readonly random: Random;
  /** log.dirs */
  readonly logDirs: readonly string[];
  /** metadata.log.dir; the first of log.dirs when absent. */
  readonly metadataLogDir?: string | undefined;
  readonly nodeId: number;
  readonly clusterId: string;
  readonly onProblem: (message: string) => void;
}

/** One of log.dirs that could not be opened: nobody knows what lies in it. */
export interface FailedLogDir {
  readonly path: string;
  readonly absolutePath: string;
  readonly reason: string;
}

export interface LogDirs {
  /** Those of log.dirs that could be opened. */
  readonly directories: readonly LogDirectory[];
  readonly failed: readonly FailedLogDir[];
  readonly metadata: LogDirectory;
}

export async function openLogDirs(options: LogDirsOptions): Promise<LogDirs> {
  const { files, random, logDirs, nodeId, clusterId, onProblem } = options;
  const metadataPath = options.metadataLogDir ?? logDirs[0]!;
  const directories: LogDirectory[] = [];
  const failed: FailedLogDir[] = [];
  let metadata: LogDirectory | undefined;
  try {
    for (const path of logDirs) {
      try {
        const directory = await LogDirectory.open(files, random, path, nodeId, clusterId);
        directories.push(directory);
        if (path === metadataPath) metadata = directory;
      } catch (error) {
        if (!(error instanceof FilesError) || path === metadataPath || logDirs.length === 1) throw error;
        failed.push({ path, absolutePath: files.absolutePath(path), reason: error.message });
        onProblem(`${path}: the log dir is offline: ${error.message}`);
      }
    }
    metadata ??= await LogDirectory.open(files, random, metadataPath, nodeId, clusterId);
    checkIds(directories);
    return { directories, failed, metadata };
  } catch (error) {
    for (const directory of new Set(metadata === undefined ? directories : [...directories, metadata])) {
      await directory.close(false);
    }
    throw error;
  }
}

/** The cluster that the folders belong to; null when all are new. Folders that cannot be read say nothing. */
export function clusterIdOf(files: Files, paths: readonly string[]): string | null {
  for (const path of paths) {
    try {
      const meta = readMetaProperties(files, path);
      if (meta !== null) return meta.clusterId;
    } catch (error) {
      if (!(error instanceof FilesError)) throw error;
    }
  }
  return null;
}

function checkIds(directories: readonly LogDirectory[]): void {
  const byId = new Map<string, LogDirectory>();
  for (const directory of directories) {
    const other = byId.get(directory.directoryId);
    if (other !== undefined) {
      throw new LogDirectoryError(
        `${other.path} and ${directory.path} have the same directory.id ${directory.directoryId}: one is a copy of the other. Remove the line from the meta.properties of the copy.`,
      );
    }
    byId.set(directory.directoryId, directory);
  }
}
