import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{core,labs,bench,reports}/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'reports/out/**'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
