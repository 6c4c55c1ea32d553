import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/**/*.test.ts', 'apps/**/*.test.ts', 'netns-scripts/**/*.test.ts'],
          testTimeout: 20_000,
        },
      },
      {
        // Real processes, sockets and NATs: one file at a time, so that they do not starve each other.
        test: {
          name: 'scenarios',
          include: ['test/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
