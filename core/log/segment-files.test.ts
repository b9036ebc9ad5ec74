import { expect, test } from 'vitest';
import { SimWorld } from '../ports/sim/world.ts';
import { DEFAULT_LOG_CONFIG } from './log-config.ts';
import { SegmentFiles } from './segment-files.ts';
import { batch } from './test/fixture.ts';

const CONFIG = { ...DEFAULT_LOG_CONFIG, preallocate: true };

function folderOf(): {
  world: SimWorld;
  process: ReturnType<SimWorld['process']>;
  segments: SegmentFiles;
  problems: string[];
  names: () => string[];
} {
  const world = new SimWorld({ seed: 1 });
  const process = world.process('p');
  const { files, clock } = process.ports;
  files.makeDirectory('/d');
  const problems: string[] = [];
  const segments = new SegmentFiles(files, clock, null, '/d', (message) => problems.push(message));
  const names = (): string[] =>
    files
      .list(segments.directory)
      .map(({ name }) => name.replace(/^0+/, ''))
      .filter((name) => name.includes('.log'))
      .sort();
  return { world, process, segments, problems, names };
}

test('what is discarded has another name at once, and goes later: a reader that holds the file goes on', async () => {
  const { world, segments, names, problems } = folderOf();
  const [gone, kept] = [segments.make(5, CONFIG), segments.make(9, CONFIG)];
  gone.append(batch(['a']));
  const slice = gone.slice(0, gone.size);
  segments.discard([gone], 1000);
  expect(names()).toEqual(['5.log.deleted', '9.log']);
  await world.run({ untilTimeMs: world.timeMs + 999 });
  expect(slice.file.readInto(Buffer.alloc(slice.length), slice.position)).toBe(slice.length);
  expect(names()).toEqual(['5.log.deleted', '9.log']);
  await world.run({ untilTimeMs: world.timeMs + 1 });
  expect(names()).toEqual(['9.log']);
  expect(kept.size).toBe(0);
  expect(problems).toEqual([]);
});

test('a file that cannot be removed is told, and keeps none of the others', async () => {
  const { world, process, segments, names, problems } = folderOf();
  segments.discard([segments.make(1, CONFIG), segments.make(2, CONFIG)], 10);
  process.disk.intercept = ({ kind, path }) =>
    kind === 'remove' && path.endsWith('1.log.deleted') ? { error: 'EIO' } : undefined;
  await world.run({ untilTimeMs: world.timeMs + 10 });
  expect(names()).toEqual(['1.log.deleted']);
  expect(problems).toEqual([expect.stringMatching(/^a deleted segment could not be removed: .*EIO/)]);
});

test('a segment for the cleaner takes nothing over from an earlier pass, and is no segment of the log', () => {
  const { segments, names } = folderOf();
  const createdAtMs = 77;
  segments.makeCleaned(3, createdAtMs, CONFIG).append(batch(['left behind']));
  const cleaned = segments.makeCleaned(3, createdAtMs, CONFIG);
  expect([cleaned.size, cleaned.createdAtMs]).toEqual([0, createdAtMs]);
  expect(names()).toEqual(['3.log.cleaned']);
});

test('new segments come to where the folder is', () => {
  const { segments, names } = folderOf();
  segments.make(1, CONFIG);
  segments.moveTo('/e');
  segments.make(2, CONFIG);
  expect(segments.directory).toBe('/e');
  expect(names()).toEqual(['1.log', '2.log']);
});
