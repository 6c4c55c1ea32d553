import { configDefaults, defineConfig } from 'vitest/config';
import { removeTracesAtExit } from './test/traces.ts';

removeTracesAtExit();

/**
 * Real processes and real clocks on a machine that has other work: now and then one waits longer for its turn than any test allows
 * for. Such a test runs once more, and `npm test` names it with its first reason, so that a real cause does not hide.
 */
const REAL_PROCESSES = { testTimeout: 120_000, hookTimeout: 60_000, fileParallelism: false, retry: 1 };

/** Nothing in there keeps state in a module, sets timers or knows of a process (CONTRIBUTING.md), nor do tests play with such things. */
const PURE = ['wire', 'identity', 'session', 'traversal', 'overlay', 'call', 'quality', 'sim'].map(
  (name) => `packages/${name}/**/*.test.ts`,
);

/** Unit tests run beside the scenarios, at a low priority: 4 s of work have taken 20. */
const BESIDE_OTHERS = {
  testTimeout: 60_000,
  hookTimeout: 60_000,
  // And what they wait for comes late: a second, which is vitest's own, is not enough.
  expect: { poll: { timeout: 20_000 } },
};

/** What the lab does by itself, and scenarios that wait for most of their time and in which nothing is judged by its sound. */
const BESIDE = [
  // All but one, so that both runs take about as long.
  'test/nat-lab/**/!(port-mapping).test.ts',
  'test/traces.test.ts',
  'test/stun/*.test.ts',
  'test/e2e/{contacts,directory-nats}.test.ts',
  'apps/directory/src/nats/nats-store.test.ts', // kills and freezes a real server
];

export default defineConfig({
  test: {
    projects: [
      // One process reads the modules once, and not once for each file, which took two thirds of the processor time of these.
      {
        test: {
          name: 'unit-pure',
          include: PURE,
          isolate: false,
          ...BESIDE_OTHERS,
        },
      },
      {
        test: {
          name: 'unit',
          include: ['packages', 'apps', 'netns-scripts', 'bench'].map((folder) => `${folder}/**/*.test.ts`),
          exclude: [...configDefaults.exclude, ...PURE, ...BESIDE],
          ...BESIDE_OTHERS,
        },
      },
      // Real processes, sockets and NATs: one file of each at a time, so that they do not starve each other. What bears any company
      // runs beside scenarios with softphones, after the unit tests (test/run.ts).
      {
        test: {
          name: 'beside',
          include: BESIDE,
          ...REAL_PROCESSES,
        },
      },
      {
        test: {
          name: 'scenarios',
          include: ['test/**/*.test.ts'],
          exclude: BESIDE,
          ...REAL_PROCESSES,
        },
      },
    ],
  },
});
