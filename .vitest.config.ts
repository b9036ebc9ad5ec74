// Two kinds of test files. What starts processes, or ends the one it is in, has a process of its own, and goes first: it waits much, so three at once keep two cores
// busy. All others share processes, which load and compile the code once for many files; each cleans up behind itself.
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Folders and files, the longest first. */
const withProcesses = [
  'core/test/frameworks/',
  'core/test/foreign/',
  'core/quorum/kafka-judge.test.ts',
  'labs/kit/targets/',
  'labs/kit/mutation.test.ts',
  'core/cli/',
  'core/test/bad-input/',
  'core/test/behaviours/',
  'bench/',
  'labs/external/',
];
const generated = ['**/node_modules/**', 'reports/out/**'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = withProcesses.findIndex((path) => moduleId.includes(`/${path}`));
      return at < 0 ? withProcesses.length : at;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'processes',
          include: withProcesses.map((path) => (path.endsWith('/') ? `${path}**/*.test.ts` : path)),
          exclude: generated,
        },
      },
      {
        extends: true,
        test: {
          name: 'shared',
          include: ['{core,labs,bench,reports}/**/*.test.ts'],
          exclude: [...generated, ...withProcesses.map((path) => (path.endsWith('/') ? `${path}**` : path))],
          isolate: false,
        },
      },
    ],
  },
});
