import fc from 'fast-check';
import type { Filtering, Mapping, NatKind, Ports } from './scenario.ts';

const mapping = fc.constantFrom<Mapping>('eim', 'adm', 'apdm');
const filtering = fc.constantFrom<Filtering>('eif', 'adf', 'apdf');

const ports: fc.Arbitrary<Ports> = fc.oneof(
  fc.constantFrom<Ports>('preserve', 'random', 'sequential'),
  fc.integer({ min: 1, max: 32 }).map((sequential) => ({ sequential })),
  fc.integer({ min: 8, max: 1024 }).map((block) => ({ block })),
);

/** Any NAT that makes sense; shrinks to a full cone that preserves ports. */
export const natKind: fc.Arbitrary<NatKind> = fc
  .record(
    {
      mapping,
      filtering,
      ports,
      hairpin: fc.boolean(),
      isolated: fc.boolean(),
      lifetimeS: fc.integer({ min: 1, max: 3600 }),
      maxAgeS: fc.integer({ min: 1, max: 3600 }),
      inbound: fc.constantFrom('drop' as const, 'reject' as const),
      poisonable: fc.boolean(),
      filtering6: filtering,
    },
    { requiredKeys: ['mapping', 'filtering'] },
  )
  .map((kind) =>
    kind.poisonable && (kind.hairpin || kind.mapping !== 'eim' || (kind.ports ?? 'preserve') !== 'preserve')
      ? { ...kind, poisonable: false }
      : kind,
  );
