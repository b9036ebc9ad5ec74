/** Makes the start image (`start-image.ts`) in the folder that is its argument, a process of its own. What is native stays outside. */
import { createHash } from 'node:crypto';
import { readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { rolldown } from 'rolldown';
import { type ImageManifest, type ImageSource, sourceOf } from './start-image.ts';

const NATIVE = ['@node-rs/crc32', 'koffi', 'lz4-napi', 'snappy'];
const core = resolve(import.meta.dirname, '..');
const folder = process.argv[2]!;

const bundle = await rolldown({
  input: join(import.meta.dirname, 'broker-main.ts'),
  platform: 'node',
  external: [/^node:/, ...NATIVE],
  // Every module runs, in the order in which it would run by itself.
  treeshake: false,
});
const { output } = await bundle.generate({ format: 'esm', codeSplitting: false, comments: false });
const [chunk] = output;
// Sources are looked at after they were read: one that changed meanwhile is caught by whoever made the change last, at the next start but one.
const sources = chunk.moduleIds.flatMap((id): ImageSource[] => {
  const source = id.startsWith('/') || /^[A-Za-z]:/.test(id) ? sourceOf(relative(core, id)) : null;
  return source === null ? [] : [source];
});
const image = `broker-${createHash('sha256').update(chunk.code).digest('hex').slice(0, 16)}.js`;
replace(image, chunk.code);
replace('broker.json', JSON.stringify({ image, sources } satisfies ImageManifest));
for (const name of readdirSync(folder)) {
  if (/^broker-.*\.js$/.test(name) && name !== image) rmSync(join(folder, name), { force: true });
}

/** A reader sees the old file or the new one. */
function replace(name: string, text: string): void {
  const temporary = join(folder, `${name}.${process.pid}.tmp`);
  writeFileSync(temporary, text);
  renameSync(temporary, join(folder, name));
}
