import type { File, Files } from '../ports/files.ts';
import { FilesError } from '../ports/files.ts';
import { joinPath } from './file-names.ts';

/**
 * The small text files beside the logs, all in Kafka's formats, all replaced whole: written under another name, flushed, renamed, and the folder flushed.
 *
 * | file | where | content |
 * |---|---|---|
 * | recovery-point-offset-checkpoint | log dir | up to where each log is on the device |
 * | replication-offset-checkpoint | log dir | high watermarks |
 * | log-start-offset-checkpoint | log dir | log starts moved by DeleteRecords |
 * | cleaner-offset-checkpoint | log dir | up to where each log is compacted |
 * | meta.properties | log dir | whose folder this is |
 * | .kafka_cleanshutdown | log dir | the last owner closed everything |
 * | partition.metadata | partition | the topic's id |
 * | leader-epoch-checkpoint | partition | see `leader-epochs.ts` |
 */
export const RECOVERY_POINT_CHECKPOINT = 'recovery-point-offset-checkpoint';
export const HIGH_WATERMARK_CHECKPOINT = 'replication-offset-checkpoint';
export const LOG_START_CHECKPOINT = 'log-start-offset-checkpoint';
export const CLEANER_CHECKPOINT = 'cleaner-offset-checkpoint';
export const META_PROPERTIES = 'meta.properties';
export const CLEAN_SHUTDOWN = '.kafka_cleanshutdown';
export const PARTITION_METADATA = 'partition.metadata';
const TEMPORARY_SUFFIX = '.tmp';
const VERSION = 0;

/** null when the file is absent. */
export function readText(files: Files, path: string): string | null {
  // Most partitions lack one of these files; an error, thrown and caught, costs more than a look.
  if (files.sizeOf(path) === null) return null;
  let file: File;
  try {
    file = files.open(path, 'read');
  } catch (error) {
    if (error instanceof FilesError && error.code === 'ENOENT') return null;
    throw error;
  }
  const buffer = Buffer.allocUnsafe(file.size);
  const read = file.readInto(buffer, 0);
  file.close();
  return buffer.toString('utf8', 0, read);
}

/**
 * A text file that is replaced whole. Writes may follow faster than the device: only the newest text that waits is written.
 */
export class AtomicFile {
  private readonly files: Files;
  private readonly directory: string;
  readonly path: string;
  private waiting: string | null = null;
  private running: Promise<void> | null = null;

  constructor(files: Files, directory: string, name: string) {
    this.files = files;
    this.directory = directory;
    this.path = joinPath(directory, name);
  }

  read(): string | null {
    return readText(this.files, this.path);
  }

  /** Resolves when this text, or a newer one, is on the device. */
  write(text: string): Promise<void> {
    this.waiting = text;
    this.running ??= this.run().finally(() => {
      this.running = null;
    });
    return this.running;
  }

  get isSettled(): boolean {
    return this.running === null;
  }

  /** Until nothing is being written. */
  async settled(): Promise<void> {
    await this.running;
  }

  private async run(): Promise<void> {
    while (this.waiting !== null) {
      const text = this.waiting;
      this.waiting = null;
      const file = this.stage(text);
      try {
        await file.flush();
      } finally {
        file.close();
      }
      this.files.rename(this.path + TEMPORARY_SUFFIX, this.path);
      await this.files.flushDirectory(this.directory);
    }
  }

  private stage(text: string): File {
    const file = this.files.open(this.path + TEMPORARY_SUFFIX, 'create');
    if (file.size > 0) file.truncate(0);
    file.append([Buffer.from(text)]);
    return file;
  }
}

/** `<topic> <partition> <offset>` lines under a version and a count. */
export class OffsetCheckpoint {
  private readonly file: AtomicFile;
  /** What the file says; null while that is not known. */
  private written: string | null = null;

  constructor(files: Files, logDir: string, name: string) {
    this.file = new AtomicFile(files, logDir, name);
  }

  /** By folder name (`<topic>-<partition>`); empty when the file is absent or not sound. */
  read(): Map<string, number> {
    const offsets = new Map<string, number>();
    const text = this.file.read();
    if (text === null) return offsets;
    const lines = parseCheckpoint(text, 3);
    if (lines === null) return offsets;
    for (const [topic, partition, offset] of lines) offsets.set(`${topic}-${partition}`, Number(offset));
    return offsets;
  }

  /** An idle broker writes nothing: the same text again is left. */
  async write(
    entries: readonly { readonly topic: string; readonly partition: number; readonly offset: number }[],
  ): Promise<void> {
    const text = formatCheckpoint(entries.map((entry) => `${entry.topic} ${entry.partition} ${entry.offset}`));
    if (text === this.written) return;
    this.written = null;
    await this.file.write(text);
    this.written = this.file.isSettled ? text : null;
  }
}

export function formatCheckpoint(lines: readonly string[]): string {
  return `${VERSION}\n${lines.length}\n${lines.map((line) => `${line}\n`).join('')}`;
}

/** The lines' fields; null when the text is no checkpoint whose lines have `fieldCount` fields. */
export function parseCheckpoint(text: string, fieldCount: number): string[][] | null {
  const lines = text.split('\n');
  if (lines[0] !== String(VERSION)) return null;
  const count = Number(lines[1]);
  const fields = lines
    .slice(2)
    .filter((line) => line !== '')
    .map((line) => line.trim().split(/\s+/));
  if (fields.length !== count || fields.some((line) => line.length !== fieldCount)) return null;
  return fields;
}

/** `key=value` lines; comments begin with #. */
export function parseProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const at = line.indexOf('=');
    if (at > 0 && !line.startsWith('#')) properties.set(line.slice(0, at).trim(), line.slice(at + 1).trim());
  }
  return properties;
}

/** The 22 characters of a topic's id, or null when the folder has none. */
export function readTopicId(files: Files, directory: string): string | null {
  const text = readText(files, joinPath(directory, PARTITION_METADATA));
  const match = text === null ? null : /^topic_id: ?([\w-]{22})$/m.exec(text);
  return match === null ? null : match[1]!;
}

export function writeTopicId(files: Files, directory: string, topicId: string): Promise<void> {
  return new AtomicFile(files, directory, PARTITION_METADATA).write(`version: ${VERSION}\ntopic_id: ${topicId}\n`);
}
