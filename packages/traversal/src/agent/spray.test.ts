import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NatBehaviour, PortAllocation } from '../nat-behaviour.ts';
import type { SprayRole } from './nat-pair.ts';
import { MAX_SPRAY_PROBES, MAX_SPRAY_SOCKETS, Spray, type SprayPacket, socketsWanted } from './spray.ts';

const nat = (ports: PortAllocation, mapping: NatBehaviour['mapping'] = 'apdm'): NatBehaviour => ({
  mapping,
  filtering: 'apdf',
  ports,
});
const RANDOM: PortAllocation = { kind: 'random' };
const blockOf = (size: number): PortAllocation => ({ kind: 'block', first: 10_000, last: 9999 + size });

const randomOf = (seed: number) => (bytes: number) =>
  Uint8Array.from({ length: bytes }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed >>> 24;
  });

/** All that a spray sends, with its time, when it is polled each `tickMs`. A server has seen the peer at `seenPort`. */
function run(
  role: SprayRole,
  own: NatBehaviour,
  peer: NatBehaviour,
  { tickMs = 10, seenPort = 40_000 } = {},
): { atMs: number; packet: SprayPacket }[] {
  const sockets = Array.from({ length: socketsWanted(role, own) }, (_, index) => 2 + index);
  const spray = new Spray(
    {
      role,
      own,
      peer,
      address: '198.51.100.2',
      target: `198.51.100.2:${seenPort}`,
      probeFrom: 0,
      sockets,
      random: randomOf(7),
    },
    0,
  );
  const sent = [];
  let nowMs = 0;
  for (; !spray.isOver(nowMs); nowMs += tickMs) {
    for (const packet of spray.poll(nowMs)) sent.push({ atMs: nowMs, packet });
    if (nowMs > 2_000_000) throw new Error('a spray without an end');
  }
  return sent;
}
const portOf = ({ packet }: { packet: SprayPacket }): number => Number(packet.to.split(':')[1]);

describe('a birthday spray', () => {
  it('keeps its limits, whatever the NATs and however late its timer comes', () => {
    const ports = fc.oneof(fc.constant(RANDOM), fc.integer({ min: 2, max: 2000 }).map(blockOf));
    const mapping = fc.constantFrom('adm' as const, 'apdm' as const);
    fc.assert(
      fc.property(
        fc.constantFrom<SprayRole>('open', 'probe', 'both'),
        fc.record({ ports, mapping }),
        fc.record({ ports, mapping }),
        fc.integer({ min: 1, max: 700 }),
        (role, own, peer, tickMs) => {
          const sent = run(role, nat(own.ports, own.mapping), nat(peer.ports, peer.mapping), { tickMs });
          expect(sent.length).toBeLessThanOrEqual(MAX_SPRAY_PROBES);
          expect(new Set(sent.map(({ packet }) => packet.socket)).size).toBeLessThanOrEqual(
            MAX_SPRAY_SOCKETS,
          );
          const windowsMs = sent.slice(500).map(({ atMs }, index) => atMs - sent[index]!.atMs);
          expect(Math.min(...windowsMs)).toBeGreaterThanOrEqual(1000);
          expect(sent.filter(({ packet }) => !packet.to.startsWith('198.51.100.2:'))).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('opens each of its sockets once, with packets that do not arrive', () => {
    const sent = run('open', nat(RANDOM), nat({ kind: 'preserved' }, 'eim'));
    expect(sent).toHaveLength(MAX_SPRAY_SOCKETS);
    expect(new Set(sent.map(({ packet }) => packet.socket)).size).toBe(MAX_SPRAY_SOCKETS);
    for (const { packet } of sent) expect(packet).toMatchObject({ to: '198.51.100.2:40000', opens: true });
  });

  it('has opened all of them after an eighth of a second, for what is probed before is probed in vain', () => {
    const sent = run('open', nat(RANDOM), nat({ kind: 'preserved' }, 'eim'));
    expect(sent.at(-1)!.atMs).toBeLessThanOrEqual(130);
    const late = run('open', nat(RANDOM), nat({ kind: 'preserved' }, 'eim'), { tickMs: 32 });
    expect(late.at(-1)!.atMs).toBeLessThanOrEqual(160);
  });

  it('keeps its pace when its timer comes late, and sends no burst when it comes very late', () => {
    const prober = nat({ kind: 'preserved' }, 'eim');
    for (const tickMs of [10, 16, 32, 48]) {
      const sent = run('probe', prober, nat(RANDOM), { tickMs });
      expect(sent[1499]!.atMs, `each ${tickMs} ms`).toBeLessThanOrEqual(3150);
    }
    const perPoll = new Map<number, number>();
    for (const { atMs } of run('probe', prober, nat(RANDOM), { tickMs: 700 }))
      perPoll.set(atMs, (perPoll.get(atMs) ?? 0) + 1);
    expect(Math.max(...perPoll.values())).toBeLessThanOrEqual(30);
  });

  it('probes where ports were seen, as long as servers see the peer there', () => {
    const prober = nat({ kind: 'preserved' }, 'eim');
    const peer = nat({ kind: 'random', first: 51_000, last: 64_000 });
    const ports = (seenPort: number) => run('probe', prober, peer, { seenPort }).map(portOf);
    expect(Math.min(...ports(50_200))).toBeGreaterThanOrEqual(51_000);
    expect(Math.max(...ports(65_200))).toBeLessThanOrEqual(64_000);
    expect(new Set(ports(60_000)).size).toBe(MAX_SPRAY_PROBES);
    expect(Math.min(...ports(20_000))).toBeLessThan(10_000);
    expect(ports(20_000)).toHaveLength(MAX_SPRAY_PROBES);
  });

  it('bears ranges that make no sense', () => {
    const prober = nat({ kind: 'preserved' }, 'eim');
    const port = fc.integer({ min: 0, max: 65_535 });
    fc.assert(
      fc.property(
        fc.constantFrom('block' as const, 'random' as const),
        port,
        port,
        port,
        (kind, first, last, seenPort) => {
          const ports = run('probe', prober, nat({ kind, first, last }), { seenPort }).map(portOf);
          expect(Math.min(...ports)).toBeGreaterThanOrEqual(1);
          expect(Math.max(...ports)).toBeLessThanOrEqual(65_535);
        },
      ),
      { numRuns: 10 },
    );
  });

  it('probes different ports, in random order, from one socket', () => {
    const sent = run('probe', nat({ kind: 'preserved' }, 'eim'), nat(RANDOM));
    const ports = sent.map(portOf);
    expect(sent).toHaveLength(MAX_SPRAY_PROBES);
    expect(new Set(ports).size).toBe(MAX_SPRAY_PROBES);
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(1024);
    expect(new Set(ports.map((port) => Math.floor(port / 8192))).size).toBe(8);
    expect(ports).not.toEqual([...ports].sort((a, b) => a - b));
  });

  it('covers a block and a little more, and comes back to each port a few times', () => {
    const ports = run('probe', nat({ kind: 'preserved' }, 'eim'), nat(blockOf(64))).map(portOf);
    const counts = new Map<number, number>();
    for (const port of ports) counts.set(port, (counts.get(port) ?? 0) + 1);
    for (let port = 10_000; port <= 10_063; port++) expect(counts.get(port)).toBeGreaterThan(1);
    expect(Math.max(...counts.values())).toBeLessThan(10);
    expect(Math.max(...ports)).toBeLessThan(10_100);
  });

  it('leaves half of a small block to other things', () => {
    expect(socketsWanted('open', nat(blockOf(64)))).toBe(32);
    expect(socketsWanted('both', nat(blockOf(64)))).toBe(32);
    expect(run('both', nat(blockOf(64)), nat(blockOf(64)))).toHaveLength(32);
  });

  it('waits before it goes on when something was hit', () => {
    const spray = new Spray(
      {
        role: 'probe',
        own: nat({ kind: 'preserved' }, 'eim'),
        peer: nat(RANDOM),
        address: '198.51.100.2',
        target: '',
        probeFrom: 0,
        sockets: [],
        random: randomOf(1),
      },
      0,
    );
    expect(spray.poll(0)).toHaveLength(5);
    spray.pause(5);
    expect(spray.poll(500)).toEqual([]);
    expect(spray.poll(spray.nextAtMs)).toHaveLength(5);
  });
});
