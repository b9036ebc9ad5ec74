/**
 * How Kafka names what lies in a log directory. An offset in a name is padded to 20 digits; a log's folder is `<topic>-<partition>`.
 */
export const LOG_SUFFIX = '.log';
export const OFFSET_INDEX_SUFFIX = '.index';
export const TIME_INDEX_SUFFIX = '.timeindex';
export const ABORTED_INDEX_SUFFIX = '.txnindex';
export const SNAPSHOT_SUFFIX = '.snapshot';
/** Renamed so, a file waits for its removal. */
export const DELETED_SUFFIX = '.deleted';
/** What a compaction writes before it is complete. */
export const CLEANED_SUFFIX = '.cleaned';
/** A complete replacement that was not yet given its final name. */
export const SWAP_SUFFIX = '.swap';

const OFFSET_DIGITS = 20;
const FOLDER = /^(.+)-(\d+)$/;
const DELETED_FOLDER = /^(.+)-(\d+)\.([0-9a-f]{32})-delete$/;
const FUTURE_FOLDER = /^(.+)-(\d+)\.([0-9a-f]{32})-future$/;
const TOPIC_NAME_MAX_IN_DELETED = 249;
/** What file systems take. */
export const FOLDER_NAME_MAX = 255;

export function offsetFileName(offset: number, suffix: string): string {
  return String(offset).padStart(OFFSET_DIGITS, '0') + suffix;
}

/** The offset in a file's name when the name is one of `suffix`, else null. */
export function offsetOfFileName(name: string, suffix: string): number | null {
  if (name.length !== OFFSET_DIGITS + suffix.length || !name.endsWith(suffix)) return null;
  const digits = name.slice(0, OFFSET_DIGITS);
  return /^\d+$/.test(digits) ? Number(digits) : null;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export function folderName(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

/** null when the folder is none of a log's. */
export function parseFolderName(name: string): TopicPartition | null {
  const match = FOLDER.exec(name);
  return match === null ? null : { topic: match[1]!, partition: Number(match[2]) };
}

/** The name of a folder that waits for its removal; long topic names are cut, as in Kafka, to stay a legal file name. */
export function deletedFolderName(topic: string, partition: number, uid: string): string {
  const suffix = `-${partition}.${uid}-delete`;
  return topic.slice(0, Math.min(topic.length, TOPIC_NAME_MAX_IN_DELETED + 6 - suffix.length)) + suffix;
}

export function isDeletedFolderName(name: string): boolean {
  return DELETED_FOLDER.test(name);
}

/** The name of a folder that is being filled to take the partition's place: a move between log dirs. */
export function futureFolderName(topic: string, partition: number, uid: string): string {
  return `${topic}-${partition}.${uid}-future`;
}

/** null when the folder is none that is being filled. */
export function parseFutureFolderName(name: string): TopicPartition | null {
  const match = FUTURE_FOLDER.exec(name);
  return match === null ? null : { topic: match[1]!, partition: Number(match[2]) };
}

export function joinPath(directory: string, name: string): string {
  return `${directory}/${name}`;
}

/** The folder that holds `path`. */
export function parentOf(path: string): string {
  const at = path.replace(/\/+$/, '').lastIndexOf('/');
  if (at < 0) return '.';
  return at === 0 ? '/' : path.slice(0, at);
}
