import { buildNetwork, type Network } from './build.ts';
import { bestPath, networkOf, type Path } from './oracle.ts';
import { Random } from './random.ts';
import { randomPair } from './random-network.ts';
import type { Scenario } from './scenario.ts';
import { World } from './world.ts';

export interface PairRun {
  seed: number;
  scenario: Scenario;
  world: World;
  network: Network;
  /** What the oracle says. */
  expected: Path;
}

export interface PairsSummary {
  pairs: number;
  byExpected: Record<Path, number>;
  /** Datagrams that were sent in all worlds. */
  datagrams: number;
  /** The first few; each seed alone repeats its pair: `tryPairs({ firstSeed: seed, pairs: 1 }, play)`. */
  failures: { seed: number; expected: Path; why: string }[];
  failed: number;
}

/** More would not be read. */
const FAILURES_KEPT = 20;

/** The pair that a seed stands for. */
export function pairOf(seed: number): PairRun {
  const scenario = randomPair(new Random(seed));
  const world = new World({ seed });
  const network = buildNetwork(world, scenario);
  const expected = bestPath(networkOf(scenario, 'alice'), networkOf(scenario, 'bob'));
  return { seed, scenario, world, network, expected };
}

/**
 * Plays one random pair after another, each in a world of its own.
 * @param play returns what is wrong, or null; what it throws is wrong, too
 */
export function tryPairs(
  { firstSeed, pairs }: { firstSeed: number; pairs: number },
  play: (run: PairRun) => string | null,
): PairsSummary {
  const summary: PairsSummary = {
    pairs,
    byExpected: { plain: 0, predict: 0, spray: 0, chance: 0, relay: 0 },
    datagrams: 0,
    failures: [],
    failed: 0,
  };
  for (let seed = firstSeed; seed < firstSeed + pairs; seed++) {
    const run = pairOf(seed);
    const why = outcome(run, play);
    summary.byExpected[run.expected]++;
    summary.datagrams += run.world.counters.sent;
    if (why === null) continue;
    summary.failed++;
    if (summary.failures.length < FAILURES_KEPT) summary.failures.push({ seed, expected: run.expected, why });
  }
  return summary;
}

function outcome(run: PairRun, play: (run: PairRun) => string | null): string | null {
  try {
    return play(run);
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}
