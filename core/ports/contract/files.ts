/** The contract of `Files`: operations, error codes, gathered appends, locks. What a crash leaves is tested where it can be caused. */
import { afterEach, expect, test } from 'vitest';
import { type File, FilesError } from '../files.ts';
import type { OpenProcessPair, ProcessPair } from './process-pair.ts';

export function filesContract(open: OpenProcessPair): void {
  let pair: ProcessPair;
  const pairs: ProcessPair[] = [];
  const start = () => {
    pair = open();
    pairs.push(pair);
    return { files: pair.server.files, at: (name: string) => `${pair.folder}/${name}`, run: pair.run };
  };
  afterEach(() => {
    for (const used of pairs.splice(0)) used.close();
  });

  test('open modes', () => {
    const { files, at } = start();
    expect(codeOf(() => files.open(at('a'), 'read'))).toBe('ENOENT');
    expect(codeOf(() => files.open(at('a'), 'write'))).toBe('ENOENT');
    expect(codeOf(() => files.open(at('no/a'), 'create'))).toBe('ENOENT');
    const made = files.open(at('a'), 'createNew');
    expect(made.size).toBe(0);
    expect(made.path).toBe(at('a'));
    made.append([Buffer.from('abc')]);
    made.close();
    expect(codeOf(() => files.open(at('a'), 'createNew'))).toBe('EEXIST');
    expect(codeOf(() => files.open(pair.folder, 'read'))).toBe('EISDIR');
    for (const mode of ['read', 'write', 'create'] as const) {
      const file = files.open(at('a'), mode);
      expect(file.size).toBe(3);
      expect(contentOf(file)).toBe('abc');
      if (mode === 'read') expect(codeOf(() => file.append([Buffer.from('x')]))).toBe('EBADF');
      file.close();
    }
  });

  test('a gathered append returns the position of its first byte, and its buffers may be reused', () => {
    const { files, at } = start();
    const file = files.open(at('log'), 'create');
    const part = Buffer.from('bb');
    expect(file.append([Buffer.from('a'), part, Buffer.alloc(0), Buffer.from('c')])).toBe(0);
    part.fill('x');
    expect(file.append([])).toBe(4);
    expect(file.append([Buffer.from('d')])).toBe(4);
    expect(file.size).toBe(5);
    expect(contentOf(file)).toBe('abbcd');
    file.close();
  });

  test('an append of very many parts', () => {
    const { files, at } = start();
    const file = files.open(at('log'), 'create');
    file.append([Buffer.from('head')]);
    const parts = Array.from({ length: 3000 }, (_, index) => Buffer.from(`${index},`));
    expect(file.append(parts)).toBe(4);
    expect(contentOf(file)).toBe(`head${parts.join('')}`);
    file.close();
  });

  test('writeAt overwrites and extends; a gap reads as zeros', () => {
    const { files, at } = start();
    const file = files.open(at('a'), 'create');
    file.append([Buffer.from('0123456789')]);
    file.writeAt(Buffer.from('ab'), 4);
    file.writeAt(Buffer.from('z'), 12);
    expect(contentOf(file)).toBe('0123ab6789\0\0z');
    file.close();
  });

  test('readInto fills the target, fewer bytes only at the end', () => {
    const { files, at } = start();
    const file = files.open(at('a'), 'create');
    file.append([Buffer.from('0123456789')]);
    const target = Buffer.alloc(4);
    expect(file.readInto(target, 2)).toBe(4);
    expect(target.toString()).toBe('2345');
    expect(file.readInto(target, 8)).toBe(2);
    expect(target.toString()).toBe('8945');
    expect(file.readInto(target, 10)).toBe(0);
    expect(file.readInto(target, 100)).toBe(0);
    file.close();
  });

  test('truncate cuts and extends with zeros', () => {
    const { files, at } = start();
    const file = files.open(at('a'), 'create');
    file.append([Buffer.from('0123456789')]);
    file.truncate(4);
    expect(file.size).toBe(4);
    file.truncate(6);
    expect(contentOf(file)).toBe('0123\0\0');
    expect(file.append([Buffer.from('x')])).toBe(6);
    file.reserve(1 << 20);
    expect(file.size).toBe(7);
    expect(file.append([Buffer.from('y')])).toBe(7);
    file.trim();
    expect([file.size, contentOf(file)]).toEqual([8, '0123\0\0xy']);
    expect(file.append([Buffer.from('z')])).toBe(8);
    file.close();
  });

  test('flush resolves, also when the file is closed meanwhile; close is idempotent', async () => {
    const { files, at, run } = start();
    const file = files.open(at('a'), 'create');
    file.append([Buffer.from('abc')]);
    await run(() => file.flush());
    const late = file.flush();
    file.close();
    file.close();
    await run(() => late);
    await run(() => files.flushDirectory(pair.folder));
    expect(codeOf(() => file.append([Buffer.from('x')]))).toBe('EBADF');
    expect(codeOf(() => file.readInto(Buffer.alloc(1), 0))).toBe('EBADF');
    await expect(run(() => file.flush())).rejects.toMatchObject({ code: 'EBADF' });
    await expect(run(() => files.flushDirectory(at('no')))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('folders: list sorts by code unit, makeDirectory makes parents and is idempotent', () => {
    const { files, at } = start();
    files.makeDirectory(at('x/y/z'));
    files.makeDirectory(at('x/y/z'));
    for (const name of ['b', 'B', 'a10', 'a9']) files.open(at(`x/${name}`), 'create').close();
    expect(files.list(at('x'))).toEqual([
      { name: 'B', kind: 'file' },
      { name: 'a10', kind: 'file' },
      { name: 'a9', kind: 'file' },
      { name: 'b', kind: 'file' },
      { name: 'y', kind: 'directory' },
    ]);
    expect(codeOf(() => files.list(at('nothing')))).toBe('ENOENT');
    expect(codeOf(() => files.list(at('x/b')))).toBe('ENOTDIR');
    expect(files.exists(at('x/y'))).toBe(true);
    expect(files.exists(at('x/q'))).toBe(false);
    const file = files.open(at('x/sized'), 'create');
    file.append([Buffer.from('four')]);
    file.close();
    expect(files.sizeOf(at('x/sized'))).toBe(4);
    expect(files.sizeOf(at('x/q'))).toBe(null);
    expect(files.sizeOf(at('q/q'))).toBe(null);
  });

  test('rename replaces a file and moves folders', () => {
    const { files, at } = start();
    write(files.open(at('old'), 'create'), 'old');
    write(files.open(at('new'), 'create'), 'new');
    const open = files.open(at('old'), 'read');
    files.rename(at('new'), at('old'));
    expect(files.exists(at('new'))).toBe(false);
    expect(read(files.open(at('old'), 'read'))).toBe('new');
    // Who had the replaced file open still reads it.
    expect(contentOf(open)).toBe('old');
    open.close();
    files.makeDirectory(at('t-0'));
    write(files.open(at('t-0/log'), 'create'), 'l');
    files.rename(at('t-0'), at('t-0-delete'));
    expect(read(files.open(at('t-0-delete/log'), 'read'))).toBe('l');
    expect(codeOf(() => files.rename(at('nothing'), at('q')))).toBe('ENOENT');
  });

  test('remove takes files and whole folders, and does not mind what is absent', () => {
    const { files, at } = start();
    files.makeDirectory(at('x/y'));
    write(files.open(at('x/y/f'), 'create'), 'f');
    const open = files.open(at('x/y/f'), 'read');
    files.remove(at('x'));
    files.remove(at('x'));
    expect(files.exists(at('x/y/f'))).toBe(false);
    expect(contentOf(open)).toBe('f');
    open.close();
  });

  test('a lock is held once, and again after release', () => {
    const { files, at } = start();
    const lock = files.lock(at('.lock'));
    expect(lock).not.toBeNull();
    expect(files.lock(at('.lock'))).toBeNull();
    lock!.release();
    lock!.release();
    const again = files.lock(at('.lock'));
    expect(again).not.toBeNull();
    again!.release();
  });

  test('free bytes are a number or unknown', () => {
    const { files } = start();
    const free = files.freeBytes(pair.folder);
    if (free !== null) expect(free).toBeGreaterThan(0);
  });
}

function write(file: File, text: string): void {
  file.append([Buffer.from(text)]);
  file.close();
}

function read(file: File): string {
  const text = contentOf(file);
  file.close();
  return text;
}

function contentOf(file: File): string {
  const content = Buffer.alloc(file.size);
  expect(file.readInto(content, 0)).toBe(content.byteLength);
  return content.toString();
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(FilesError);
    return (error as FilesError).code;
  }
  return 'no error';
}
