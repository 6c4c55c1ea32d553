import { defineConfig } from 'vitest/config';

/**
 * A shared machine that is busy for seconds starves programs and sockets: what decides a landing fails when it fails three times. By hand
 * every failure shows.
 */
const RETRIES = process.env.CI ? 2 : 0;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/**/*.test.ts', 'apps/**/*.test.ts', 'netns-scripts/**/*.test.ts'],
          testTimeout: 20_000,
          retry: RETRIES,
        },
      },
      {
        // Real processes, sockets and NATs: one file at a time, so that they do not starve each other.
        test: {
          name: 'scenarios',
          include: ['test/**/*.test.ts'],
          testTimeout: 120_000,
          retry: RETRIES,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
