import type { FileLock, Files } from '../ports/files.ts';
import type { Random } from '../ports/random.ts';
import {
  AtomicFile,
  CLEAN_SHUTDOWN,
  CLEANER_CHECKPOINT,
  HIGH_WATERMARK_CHECKPOINT,
  LOG_START_CHECKPOINT,
  META_PROPERTIES,
  OffsetCheckpoint,
  parseProperties,
  RECOVERY_POINT_CHECKPOINT,
  readText,
} from './checkpoint-files.ts';
import { isDeletedFolderName, joinPath, parentOf } from './file-names.ts';
import type { Log } from './log.ts';

/**
 * One of log.dirs: whose it is (lock, meta.properties), whether it was closed cleanly, and its checkpoints.
 *
 * Invariant: between `open` and `close` no other process has it open, and the mark of a clean shutdown is absent.
 */
export interface MetaProperties {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly directoryId: string;
}

/** The broker cannot start on this folder; the message says why and what to do. */
export class LogDirectoryError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'LogDirectoryError';
  }
}

/** What meta.properties in `path` says; null when there is none. Throws LogDirectoryError when it is not sound. */
export function readMetaProperties(files: Files, path: string): MetaProperties | null {
  const text = readText(files, joinPath(path, META_PROPERTIES));
  if (text === null) return null;
  const properties = parseProperties(text);
  const clusterId = properties.get('cluster.id');
  const nodeId = Number(properties.get('node.id') ?? properties.get('broker.id'));
  if (clusterId === undefined || !Number.isInteger(nodeId)) {
    throw new LogDirectoryError(`${joinPath(path, META_PROPERTIES)} lacks cluster.id or node.id`);
  }
  return { clusterId, nodeId, directoryId: properties.get('directory.id') ?? '' };
}

export class LogDirectory {
  readonly path: string;
  readonly wasClean: boolean;
  readonly meta: MetaProperties;
  /** The path from the root on, as clients are told. */
  readonly absolutePath: string;
  private failure: string | null = null;
  private readonly files: Files;
  private readonly lock: FileLock;
  private readonly recoveryPoints: OffsetCheckpoint;
  private readonly highWatermarks: OffsetCheckpoint;
  private readonly logStarts: OffsetCheckpoint;
  private readonly cleanedOffsets: OffsetCheckpoint;

  private constructor(files: Files, path: string, lock: FileLock, meta: MetaProperties) {
    this.files = files;
    this.path = path;
    this.lock = lock;
    this.meta = meta;
    this.absolutePath = files.absolutePath(path);
    this.recoveryPoints = new OffsetCheckpoint(files, path, RECOVERY_POINT_CHECKPOINT);
    this.highWatermarks = new OffsetCheckpoint(files, path, HIGH_WATERMARK_CHECKPOINT);
    this.logStarts = new OffsetCheckpoint(files, path, LOG_START_CHECKPOINT);
    this.cleanedOffsets = new OffsetCheckpoint(files, path, CLEANER_CHECKPOINT);
    this.wasClean = files.exists(joinPath(path, CLEAN_SHUTDOWN));
  }

  /** Locks the folder, checks whose it is (and marks a new one), removes what waits for its removal and the mark of the clean shutdown. */
  static async open(
    files: Files,
    random: Random,
    path: string,
    nodeId: number,
    clusterId: string,
  ): Promise<LogDirectory> {
    files.makeDirectory(path);
    const lock = files.lock(joinPath(path, '.lock'));
    if (lock === null) {
      throw new LogDirectoryError(
        `${path} is in use by another broker: its .lock is held. Stop it, or set another log.dirs.`,
      );
    }
    try {
      let meta = readMetaProperties(files, path);
      if (meta !== null) {
        checkOwner(path, 'node.id', meta.nodeId, nodeId);
        checkOwner(path, 'cluster.id', meta.clusterId, clusterId);
      }
      if (meta === null || meta.directoryId === '') {
        meta = { clusterId, nodeId, directoryId: newDirectoryId(random) };
        const text = `version=1\ncluster.id=${clusterId}\nnode.id=${nodeId}\ndirectory.id=${meta.directoryId}\n`;
        await new AtomicFile(files, path, META_PROPERTIES).write(text);
      }
      const directory = new LogDirectory(files, path, lock, meta);
      for (const { name, kind } of files.list(path)) {
        if (kind === 'directory' && isDeletedFolderName(name)) files.remove(joinPath(path, name));
      }
      files.remove(joinPath(path, CLEAN_SHUTDOWN));
      await files.flushDirectory(path);
      await files.flushDirectory(parentOf(path));
      return directory;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  get directoryId(): string {
    return this.meta.directoryId;
  }

  /** Why nothing in it can be used; null while it is online. */
  get offline(): string | null {
    return this.failure;
  }

  /** The disk refused: nothing more is written here. */
  fail(reason: string): void {
    this.failure ??= reason;
  }

  /** The folders in it that may be logs. */
  folders(): string[] {
    return this.files
      .list(this.path)
      .filter((entry) => entry.kind === 'directory')
      .map((entry) => entry.name);
  }

  readCheckpoints(): {
    recoveryPoints: Map<string, number>;
    highWatermarks: Map<string, number>;
    logStarts: Map<string, number>;
  } {
    return {
      recoveryPoints: this.recoveryPoints.read(),
      highWatermarks: this.highWatermarks.read(),
      logStarts: this.logStarts.read(),
    };
  }

  writeRecoveryPoints(logs: readonly Log[]): Promise<void> {
    return this.recoveryPoints.write(logs.map((log) => line(log, log.recoveryPoint)));
  }

  writeHighWatermarks(logs: readonly Log[]): Promise<void> {
    return this.highWatermarks.write(logs.map((log) => line(log, log.highWatermark)));
  }

  /** Only starts that lie inside a segment need to be remembered. */
  writeLogStarts(logs: readonly Log[]): Promise<void> {
    const moved = logs.filter((log) => log.logStartOffset > log.segments[0]!.baseOffset);
    return this.logStarts.write(moved.map((log) => line(log, log.logStartOffset)));
  }

  /** By folder name: up to where each log was cleaned. */
  readCleanedOffsets(): Map<string, number> {
    return this.cleanedOffsets.read();
  }

  writeCleanedOffsets(
    entries: readonly { readonly topic: string; readonly partition: number; readonly offset: number }[],
  ): Promise<void> {
    return this.cleanedOffsets.write(entries);
  }

  /** The clean end, once every log in it is closed. */
  async close(isClean: boolean): Promise<void> {
    if (isClean && this.failure === null)
      await new AtomicFile(this.files, this.path, CLEAN_SHUTDOWN).write('{"version":0,"brokerEpoch":-1}');
    this.lock.release();
  }
}

/** Kafka keeps ids that begin with '-' away: command lines would take them for options. */
function newDirectoryId(random: Random): string {
  for (;;) {
    const id = random.uuid().toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}

function line(log: Log, offset: number): { topic: string; partition: number; offset: number } {
  return { topic: log.topic, partition: log.partition, offset };
}

function checkOwner(path: string, key: string, found: string | number, wanted: string | number): void {
  if (found === wanted) return;
  throw new LogDirectoryError(
    `${path} belongs to ${key} ${found}, and this broker has ${key} ${wanted}. Set another log.dirs, or the ${key} of the folder.`,
  );
}
