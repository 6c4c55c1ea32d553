import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FilteringBehaviour, MappingBehaviour, NatBehaviour, PortAllocation } from '../nat-behaviour.ts';
import { type GuessPlan, meetsPlainly, planFor } from './nat-pair.ts';

const PORTS: Record<string, PortAllocation> = {
  preserved: { kind: 'preserved' },
  sequential: { kind: 'sequential', step: 2 },
  block: { kind: 'block', first: 10_000, last: 10_255 },
  'large-block': { kind: 'block', first: 10_000, last: 10_511 },
  random: { kind: 'random' },
};
const nat = (text: string): NatBehaviour => {
  const [mapping, filtering, ports = 'preserved'] = text.split('/') as [
    MappingBehaviour,
    FilteringBehaviour,
    string,
  ];
  return { mapping, filtering, ports: PORTS[ports]! };
};

const plan = (text: string): GuessPlan | null => {
  if (text === '-') return null;
  const words = text.split(' ');
  const spray = (['open', 'probe', 'both'] as const).find((role) => words.includes(role)) ?? null;
  return { foretells: words.includes('foretell'), awaits: words.includes('await'), spray };
};

describe('what a pair of NATs asks of both sides', () => {
  it.each([
    // Ordinary checks meet.
    ['eim/apdf', 'eim/apdf', '-', '-'],
    ['eim/adf', 'apdm/apdf/random', '-', '-'],
    ['apdm/eif/random', 'apdm/apdf/random', '-', '-'],
    ['none/apdf', 'eim/apdf', '-', '-'],
    // Ports that can be told beforehand.
    ['apdm/apdf/sequential', 'eim/apdf', 'foretell', 'await'],
    ['apdm/apdf/sequential', 'none/apdf', 'foretell', 'await'],
    ['apdm/apdf/sequential', 'apdm/apdf/sequential', 'foretell await', 'foretell await'],
    ['apdm/apdf/preserved', 'adm/apdf/sequential', 'foretell await', 'foretell await'],
    ['apdm/adf/preserved', 'apdm/apdf/random', 'foretell', 'await'],
    // Ports that cannot.
    ['apdm/apdf/random', 'eim/apdf', 'open', 'probe'],
    ['apdm/apdf/block', 'eim/apdf', 'open', 'probe'],
    ['apdm/apdf/random', 'adm/apdf/preserved', 'await open', 'foretell probe'],
    ['apdm/adf/random', 'apdm/apdf/random', 'open', 'probe'],
    ['adm/adf/random', 'adm/adf/random', 'open', 'probe'],
    ['apdm/apdf/block', 'apdm/apdf/block', 'both', 'both'],
    // Nothing helps.
    ['adm/adf/random', 'apdm/apdf/block', '-', '-'],
    ['apdm/apdf/random', 'apdm/apdf/random', '-', '-'],
    ['apdm/apdf/random', 'apdm/apdf/sequential', '-', '-'],
    ['apdm/apdf/large-block', 'apdm/apdf/block', '-', '-'],
    ['unknown/unknown', 'apdm/apdf/sequential', '-', '-'],
  ])('%s and %s', (a, b, first, second) => {
    expect(planFor(nat(a), nat(b), true)).toEqual(plan(first));
    expect(planFor(nat(b), nat(a), false)).toEqual(plan(second));
  });

  it('takes filtering that is not known for the strictest', () => {
    expect(meetsPlainly(nat('eim/unknown'), nat('apdm/unknown/random'))).toBe(false);
    expect(meetsPlainly(nat('eim/unknown'), nat('eim/unknown'))).toBe(true);
    expect(meetsPlainly(nat('unknown/apdf'), nat('eim/apdf'))).toBeNull();
  });

  it('gives both sides plans that fit each other', () => {
    const behaviour = fc.record<NatBehaviour>({
      mapping: fc.constantFrom<MappingBehaviour>('none', 'eim', 'adm', 'apdm', 'unknown'),
      filtering: fc.constantFrom<FilteringBehaviour>('eif', 'adf', 'apdf', 'unknown'),
      ports: fc.constantFrom(...Object.values(PORTS), { kind: 'unknown' } as const),
    });
    const FITTING = { open: 'probe', probe: 'open', both: 'both' } as const;
    fc.assert(
      fc.property(behaviour, behaviour, fc.boolean(), (a, b, isFirst) => {
        const [ofA, ofB] = [planFor(a, b, isFirst), planFor(b, a, !isFirst)];
        expect(ofA === null).toBe(ofB === null);
        if (ofA === null || ofB === null) return;
        expect([ofB.foretells, ofB.awaits]).toEqual([ofA.awaits, ofA.foretells]);
        expect(ofB.spray).toBe(ofA.spray && FITTING[ofA.spray]);
        expect(ofA.foretells || ofA.awaits || ofA.spray !== null).toBe(true);
      }),
    );
  });
});
