/**
 * Real records for the labs: flights of vega-datasets keyed by airport of origin, or the user's own file.
 *
 * Invariant: at most `recordsMax` records, none longer than `RECORD_CHARACTERS_MAX` characters are held; the file is read in pieces and only as far as
 * needed. A file that does not parse fails with its name and the line; an unknown key field lists the fields that are there.
 */
import { createReadStream } from 'node:fs';
import { basename, join } from 'node:path';
import { packageFolder } from './package-folder.ts';

export interface InputRecord {
  readonly key: string;
  /** The record as one line of JSON. */
  readonly value: string;
}

export interface InputOptions {
  /** NDJSON, a JSON array with one object a line or on one line, or CSV with a header line. */
  readonly file?: string;
  readonly key?: string;
  readonly recordsMax?: number;
}

export const RECORDS_MAX = 20_000;
export const RECORD_CHARACTERS_MAX = 1024 * 1024;
const DEFAULT_FILE = 'data/flights-20k.json';
const DEFAULT_KEY = 'origin';

/** Wrong input of the user: a message to print, exit code 2. */
export class InputError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'InputError';
  }
}

const read = new Map<string, Promise<readonly InputRecord[]>>();

/** Read once in each thread: labs share it. */
export function sharedInput(options: InputOptions = {}): Promise<readonly InputRecord[]> {
  const name = JSON.stringify([options.file, options.key, options.recordsMax]);
  let input = read.get(name);
  if (input === undefined) read.set(name, (input = readInput(options)));
  return input;
}

export async function readInput(options: InputOptions = {}): Promise<InputRecord[]> {
  const file = options.file ?? join(packageFolder('vega-datasets'), DEFAULT_FILE);
  const key = options.key ?? (options.file === undefined ? DEFAULT_KEY : undefined);
  const recordsMax = options.recordsMax ?? RECORDS_MAX;
  const name = basename(file);
  const records: InputRecord[] = [];
  for await (const { line, fields } of /\.csv$/i.test(file) ? csvRows(file) : jsonRows(file)) {
    const keyField = key ?? Object.keys(fields)[0];
    const keyValue = keyField === undefined ? undefined : fields[keyField];
    if (keyField === undefined || keyValue === undefined) {
      const known = Object.keys(fields).join(', ') || '(none)';
      throw new InputError(`${name} line ${line}: no field "${keyField ?? ''}" for the key; fields here: ${known}`);
    }
    const text = typeof keyValue === 'string' ? keyValue : JSON.stringify(keyValue);
    records.push({ key: text, value: JSON.stringify(fields) });
    if (records.length >= recordsMax) break;
  }
  if (records.length === 0) throw new InputError(`${name} line 1: no records`);
  return records;
}

interface Row {
  readonly line: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

async function* piecesOf(file: string): AsyncGenerator<string> {
  const stream = createReadStream(file, { encoding: 'utf8', highWaterMark: 64 * 1024 });
  try {
    yield* stream as AsyncIterable<string>;
  } catch (error) {
    throw new InputError(`${file}: cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
  } finally {
    stream.destroy();
  }
}

/** The text of one record and the line on which it begins. */
interface Chunk {
  readonly line: number;
  readonly text: string;
}

/**
 * Cuts text into records: sees every character in order, keeps what state it needs, and says whether the character lies in the record
 * or ends it.
 */
type Cutter = (character: string) => 'in' | 'end';

async function* chunksOf(file: string, cutter: Cutter): AsyncGenerator<Chunk> {
  const name = basename(file);
  let text = '';
  let line = 1;
  let startLine = 1;
  let first = true;
  for await (const more of piecesOf(file)) {
    const piece = first ? more.replace(/^\uFEFF/, '') : more;
    first = false;
    let from = 0;
    for (let at = 0; at < piece.length; at++) {
      const character = piece[at]!;
      const cut = cutter(character);
      if (character === '\n') line++;
      if (cut === 'in') continue;
      text += piece.slice(from, at);
      from = at + 1;
      if (text.trim() !== '') yield { line: startLine + leadingLines(text), text: text.trim() };
      text = '';
      startLine = line;
    }
    text += piece.slice(from);
    if (text.length > RECORD_CHARACTERS_MAX) {
      throw new InputError(`${name} line ${startLine}: a record longer than ${RECORD_CHARACTERS_MAX} characters`);
    }
  }
  if (text.trim() !== '') yield { line: startLine + leadingLines(text), text: text.trim() };
}

/** Line ends in the white space before the text. */
function leadingLines(text: string): number {
  return text.slice(0, text.length - text.trimStart().length).split('\n').length - 1;
}

/** NDJSON: a record a line. A JSON array: its elements, told by the bracket that comes first. */
function jsonCutter(): Cutter {
  let mode: 'start' | 'lines' | 'array' = 'start';
  let depth = 0;
  let inString = false;
  let escaped = false;
  return (character) => {
    if (mode === 'start') {
      if (/\s/.test(character)) return 'in';
      mode = character === '[' ? 'array' : 'lines';
      if (mode === 'array') return 'end';
    }
    if (mode === 'lines') return character === '\n' ? 'end' : 'in';
    if (inString) {
      if (escaped) escaped = false;
      else if (character === '\\') escaped = true;
      else if (character === '"') inString = false;
      return 'in';
    }
    if (character === '"') inString = true;
    else if (character === '{' || character === '[') depth++;
    else if (depth === 0 && (character === ',' || character === ']')) return 'end';
    else if (character === '}' || character === ']') depth--;
    return 'in';
  };
}

async function* jsonRows(file: string): AsyncGenerator<Row> {
  const name = basename(file);
  for await (const { line, text } of chunksOf(file, jsonCutter())) {
    let fields: unknown;
    try {
      fields = JSON.parse(text);
    } catch (error) {
      throw new InputError(`${name} line ${line}: not JSON (${(error as Error).message})`);
    }
    if (fields === null || typeof fields !== 'object' || Array.isArray(fields)) {
      throw new InputError(`${name} line ${line}: not an object`);
    }
    yield { line, fields: fields as Record<string, unknown> };
  }
}

/** RFC 4180: quoted fields may hold commas, line ends and doubled quotes. */
function csvCutter(): Cutter {
  let inQuotes = false;
  return (character) => {
    if (character === '"') inQuotes = !inQuotes;
    return character === '\n' && !inQuotes ? 'end' : 'in';
  };
}

async function* csvRows(file: string): AsyncGenerator<Row> {
  const name = basename(file);
  let header: readonly string[] | null = null;
  for await (const { line, text } of chunksOf(file, csvCutter())) {
    const cells = csvCells(text);
    if (cells === null)
      throw new InputError(`${name} line ${line}: a quote that is not closed or stands inside a field`);
    if (header === null) {
      header = cells;
      continue;
    }
    if (cells.length !== header.length) {
      throw new InputError(`${name} line ${line}: ${cells.length} fields where the header has ${header.length}`);
    }
    const names = header;
    yield { line, fields: Object.fromEntries(cells.map((cell, at) => [names[at]!, cell])) };
  }
}

/** The fields of one row, or null when its quotes do not fit. */
function csvCells(text: string): string[] | null {
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    if (text[at] === '"') {
      const match = /"((?:[^"]|"")*)"/y;
      match.lastIndex = at;
      const found = match.exec(text);
      if (found === null) return null;
      cells.push(found[1]!.replaceAll('""', '"'));
      at = match.lastIndex;
      if (at < text.length && text[at] !== ',') return null;
    } else {
      const comma = text.indexOf(',', at);
      const end = comma < 0 ? text.length : comma;
      const cell = text.slice(at, end);
      if (cell.includes('"')) return null;
      cells.push(cell);
      at = end;
    }
    if (at >= text.length) return cells;
    at++;
    if (at === text.length) return [...cells, ''];
  }
}
