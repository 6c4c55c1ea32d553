import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LabError } from './errors.ts';
import { NAT_KIND_NAMES, pairScenario } from './nat-pairs.ts';
import { givenPath } from './paths.ts';
import { readScenario } from './spec/read.ts';
import type { LabSpec } from './spec.ts';

const FOLDER = fileURLToPath(new URL('../scenarios', import.meta.url));

/** Scenarios made from their name, so that there need not be 81 files. */
export const PAIR_PATTERN = 'pair:KIND,KIND';
export const PAIR_ABOUT = `alice and bob behind a NAT of each kind, one of ${NAT_KIND_NAMES.join(' ')}`;

/** Those that come with the lab, each with its name. */
export function shippedScenarios(): (LabSpec & { name: string })[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => loadFile(join(FOLDER, file), file));
}

/**
 * A scenario by its name, by `pair:KIND,KIND`, or from a file.
 * @throws LabError `bad-scenario`
 */
export function loadScenario(scenario: string): LabSpec & { name: string } {
  if (scenario.startsWith('pair:')) {
    const [alice = '', bob = '', ...rest] = scenario.slice('pair:'.length).split(',');
    const pair = rest.length === 0 ? pairScenario(alice, bob) : null;
    if (pair) return { ...pair, name: scenario };
    throw new LabError(
      'bad-scenario',
      `"${scenario}" is not ${PAIR_PATTERN}: kinds are ${NAT_KIND_NAMES.join(', ')}`,
    );
  }
  const names = readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json'))
    .map((file) => basename(file, '.json'));
  if (names.includes(scenario)) return loadFile(join(FOLDER, `${scenario}.json`), `${scenario}.json`);
  return loadFile(givenPath(scenario), scenario, names);
}

function loadFile(path: string, shown: string, names: readonly string[] = []): LabSpec & { name: string } {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const known = `a scenario of the lab (${[...names, PAIR_PATTERN].join(', ')})`;
    throw new LabError('bad-scenario', `"${shown}" is neither ${known} nor a file that can be read`, {
      cause,
    });
  }
  const spec = readScenario(text, shown);
  return { ...spec, name: spec.name ?? basename(path, '.json') };
}
