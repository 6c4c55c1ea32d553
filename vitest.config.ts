import { defineConfig } from 'vitest/config';

const ONE_AT_A_TIME = { testTimeout: 120_000, hookTimeout: 60_000, fileParallelism: false };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'packages/**/*.test.ts',
            'apps/**/*.test.ts',
            'netns-scripts/**/*.test.ts',
            'bench/**/*.test.ts',
          ],
          // They run beside the scenarios, at the lowest priority: 4 s of work have taken 20.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      // Real processes, sockets and NATs: one file of each at a time, so that they do not starve each other. What the lab does by itself
      // waits for most of its time and runs beside scenarios with softphones (test/run.ts).
      {
        test: {
          name: 'lab',
          include: ['test/nat-lab/**/*.test.ts'],
          ...ONE_AT_A_TIME,
        },
      },
      {
        test: {
          name: 'scenarios',
          include: ['test/**/*.test.ts'],
          exclude: ['test/nat-lab/**'],
          ...ONE_AT_A_TIME,
        },
      },
    ],
  },
});
