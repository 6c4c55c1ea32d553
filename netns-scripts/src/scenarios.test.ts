import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { natPair } from './nat-pair.ts';
import { canPunch, NAT_KIND_NAMES, natKindNamed, pairScenario } from './nat-pairs.ts';
import { loadScenario, shippedScenarios } from './scenarios.ts';
import { problemsOf, scenarioSchema } from './spec.ts';

test('the published schema is the one that scenarios are checked with', () => {
  const published = readFileSync(new URL('../scenario.schema.json', import.meta.url), 'utf8');
  // Otherwise run: node netns-scripts/write-schema.ts
  expect(JSON.parse(published)).toEqual(scenarioSchema());
});

test('every scenario that comes with the lab is valid, described, and named as its file', () => {
  const shipped = shippedScenarios();
  expect(shipped.length).toBeGreaterThan(10);
  for (const scenario of shipped) {
    expect(loadScenario(scenario.name)).toEqual(scenario);
    expect(scenario.about).toBeTruthy();
    expect(scenario.$schema).toBe('../scenario.schema.json');
  }
});

test('the scenario natPair is what the function natPair makes', () => {
  const {
    $schema: _,
    name: _name,
    about: _about,
    call: _call,
    expect: _expect,
    ...network
  } = loadScenario('natPair');
  expect(natPair()).toEqual(network);
});

test('every pair of NAT kinds has a valid scenario by its name', () => {
  expect(NAT_KIND_NAMES).toHaveLength(9);
  for (const alice of NAT_KIND_NAMES)
    for (const bob of NAT_KIND_NAMES) {
      const scenario = loadScenario(`pair:${alice},${bob}`);
      expect(problemsOf(scenario)).toEqual([]);
      expect(scenario.nats?.map(({ mapping, filtering }) => `${mapping}-${filtering}`)).toEqual([alice, bob]);
    }
});

test.for([
  'pair:',
  'pair:eim-eif',
  'pair:eim-eif,cone',
  'pair:eim-eif,eim-eif,eim-eif',
])('"%s" is refused with the kinds there are', (name) => {
  expect(() => loadScenario(name)).toThrow(/kinds are eim-eif, .*apdm-apdf/);
});

test.for<[alice: string, bob: string, path: 'direct' | 'relay']>([
  ['eim-apdf', 'eim-apdf', 'direct'],
  ['eim-apdf', 'apdm-apdf', 'relay'],
  ['eim-adf', 'apdm-apdf', 'direct'],
  ['apdm-eif', 'apdm-apdf', 'direct'],
  ['adm-adf', 'apdm-adf', 'relay'],
  ['adm-apdf', 'eim-apdf', 'relay'],
  ['apdm-apdf', 'apdm-apdf', 'relay'],
])('between %s and %s the path without guessing is %s', ([alice, bob, path]) => {
  expect(pairScenario(alice, bob)?.expect).toEqual([{ between: ['alice', 'bob'], path }]);
  expect(canPunch(natKindNamed(bob)!, natKindNamed(alice)!)).toBe(path === 'direct');
});
