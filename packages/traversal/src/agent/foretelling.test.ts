import { describe, expect, it } from 'vitest';
import { FORETOLD_PORTS, FORETOLD_SOCKETS, Foretelling, pairsOf } from './foretelling.ts';

const fresh = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ socket: 10 + index, localPort: 50_000 + 7 * index }));

describe('foretelling the ports of fresh sockets', () => {
  it('tells the local ports where they are preserved', () => {
    const round = new Foretelling(1, { kind: 'preserved' });
    expect(round.handleOpened(fresh(round.wanted), '198.51.100.1')).toBeNull();
    const ports = round.sockets.map(({ localPort }) => localPort);
    expect(round.guess).toEqual({ round: 1, address: '198.51.100.1', ports });
  });

  it('goes on from what a server saw last where they come in sequence', () => {
    const round = new Foretelling(3, { kind: 'sequential', step: 4 });
    const sockets = fresh(round.wanted);
    expect(round.handleOpened(sockets, '198.51.100.1')).toBe(sockets.at(-1)!.socket);
    expect(round.guess).toBeNull();
    round.handleMeasured('198.51.100.9:41000');
    expect(round.guess!.address).toBe('198.51.100.9');
    expect(round.guess!.ports).toHaveLength(FORETOLD_PORTS);
    expect(round.guess!.ports.slice(0, 3)).toEqual([41_004, 41_008, 41_012]);
    expect(round.sockets.map(({ socket }) => socket)).not.toContain(sockets.at(-1)!.socket);
  });

  it('tells no port that does not exist', () => {
    const round = new Foretelling(1, { kind: 'sequential', step: 1 });
    round.handleOpened(fresh(round.wanted), null);
    round.handleMeasured('198.51.100.9:65533');
    expect(round.guess!.ports).toEqual([65_534, 65_535]);
  });

  it('pairs sockets so that a pair meets although both allocators have moved on', () => {
    const met: string[] = [];
    for (let drift = 0; drift <= 3; drift++)
      for (let otherDrift = 0; otherDrift + 2 * drift < FORETOLD_SOCKETS; otherDrift++) {
        if (drift + otherDrift >= FORETOLD_SOCKETS) continue;
        // Ports as offsets from what each side has foretold first.
        const first = pairsOf(true, FORETOLD_SOCKETS, FORETOLD_PORTS).map(
          ([socket, port]) => `${socket + drift} ${port}`,
        );
        const second = pairsOf(false, FORETOLD_SOCKETS, FORETOLD_PORTS).map(
          ([socket, port]) => `${port} ${socket + otherDrift}`,
        );
        expect([drift, otherDrift, first.filter((pair) => second.includes(pair)).length]).toEqual([
          drift,
          otherDrift,
          1,
        ]);
        met.push(`${drift} ${otherDrift}`);
      }
    expect(met).toHaveLength(20);
  });

  it('sends each socket to one port only', () => {
    for (const isFirst of [true, false]) {
      const sockets = pairsOf(isFirst, 8, 8).map(([socket]) => socket);
      expect(new Set(sockets).size).toBe(sockets.length);
    }
  });
});
