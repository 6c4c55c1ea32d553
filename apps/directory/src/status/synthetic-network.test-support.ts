import type { StoredSupernode } from '../store.ts';
import { entryOf, START_MS } from '../test-support.ts';
import type { ReportClaims } from './report-desk.ts';

const CITIES = [
  'Lisbon',
  'Madrid',
  'Paris',
  'Zürich',
  'Wien',
  'Praha',
  'Warszawa',
  'Oslo',
  'Reykjavík',
  'Dublin',
];

const keyIdOf = (index: number): string => `k${index}`.padEnd(43, 'x');

/**
 * A network on a circle of 200 ms: round trips follow the distance on it, loss and load a pattern. The last one but one
 * drains, the last one tells nothing. Each was listed a day before the one ahead of it.
 */
export function syntheticNetwork(
  count: number,
  nowMs = START_MS,
): {
  supernodes: StoredSupernode[];
  reports: Map<string, ReportClaims>;
} {
  const key = { kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43) } as const;
  const supernodes = Array.from({ length: count }, (_, index): StoredSupernode => {
    const name = `${CITIES[index % CITIES.length]!.toLowerCase()}${index < CITIES.length ? '' : index}.example`;
    const address = `192.0.2.${index + 1}:3478`;
    const ipv6 = index % 3 === 0 ? [`[2001:db8::${index + 1}]:3478`] : [];
    const entry = entryOf({ ...key, d: '' } as never, { name, udp: [address, ...ipv6], control: [address] });
    const atMs = nowMs - index * 86_400_000;
    return { keyId: keyIdOf(index), entry, status: 'admitted', updatedAtMs: atMs, admittedAtMs: atMs };
  });
  const distance = (a: number, b: number) => Math.min(Math.abs(a - b), count - Math.abs(a - b));
  const reports = new Map<string, ReportClaims>();
  for (let index = 0; index < count; index++) {
    if (count > 2 && index === count - 1) continue;
    const links = Array.from({ length: count }, (_, to) => to)
      .filter((to) => to !== index)
      .sort((a, b) => distance(index, a) - distance(index, b))
      .slice(0, 16)
      .map((to) => ({
        to: keyIdOf(to),
        rttMs: Math.round(8 + (200 * distance(index, to)) / count),
        lossPct: (index * to) % 17 === 5 ? 3 : (index + to) % 31 === 7 ? 8 : 0,
      }));
    reports.set(keyIdOf(index), {
      number: 1,
      draining: count > 2 && index === count - 2,
      load: count === 1 ? 0 : [0, 0, 1, 0, 2, 1, 0, 3, null, 0, 4][index % 11]!,
      calls: {
        relayUdp: 10 * ((index * 7) % 4),
        relayTcp: 10 * (index % 2),
        overlay: index % 5 === 0 ? 10 : 0,
      },
      links,
    });
  }
  return { supernodes, reports };
}
