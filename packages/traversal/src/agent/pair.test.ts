import { beforeEach, describe, expect, it } from 'vitest';
import { Pair } from './pair.ts';
import { Path } from './path.ts';

const PING_MS = 240;
const PACKETS = 12;

/** A path that answers each ping, and of which the test says what it loses. */
class TestPath {
  readonly path: Path;
  /** Share of packets lost, percent. */
  lossPct = 0;
  #received = 0;

  constructor(name: string) {
    const remote = `${name}:1`;
    this.path = new Path({ kind: 'relay', flow: 1, socket: 0, remote, via: [name] });
    this.path.noteRtt(50);
    this.path.noteAnswer(0, 0, this.path.sentPings++);
  }

  carry(nowMs: number): void {
    this.path.sentPackets += PACKETS;
    this.#received += PACKETS * (1 - this.lossPct / 100);
    this.path.noteAnswer(nowMs, nowMs, this.path.sentPings++);
    this.path.noteOutgoing(this.path.sentPackets, Math.floor(this.#received), nowMs);
  }
}

describe('two paths at once', () => {
  let [one, two, nowMs, pair] = [new TestPath('p'), new TestPath('q'), 0, new Pair()];
  const paths = () => [one.path, two.path];

  beforeEach(() => {
    [one, two, nowMs, pair] = [new TestPath('p'), new TestPath('q'), 0, new Pair()];
  });

  /** Returns the path that does alone, when there is one. */
  function run(ms: number, each: (isPaired: boolean) => void = () => {}): Path | null {
    for (const endMs = nowMs + ms; nowMs < endMs; nowMs += PING_MS) {
      each(pair.partner !== null);
      one.carry(nowMs);
      if (pair.partner !== null) two.carry(nowMs);
      const relief = pair.review(one.path, paths(), nowMs);
      if (relief !== null) return relief;
      if ((one.path.lossPct ?? 0) >= 3) pair.begin(one.path, paths(), nowMs);
    }
    return null;
  }

  it('go on for as long as both lose', () => {
    one.lossPct = two.lossPct = 12;
    run(60_000);
    expect(pair.partner).toBe(two.path);
  });

  it('end five seconds after the path in use is clean', () => {
    one.lossPct = two.lossPct = 12;
    run(5000);
    one.lossPct = 0;
    run(4000);
    expect(pair.partner).toBe(two.path);
    run(5000);
    expect(pair.partner).toBeNull();
  });

  it('end with the partner when that one is clean', () => {
    one.lossPct = 12;
    run(1000);
    expect(run(10_000)).toBe(two.path);
  });

  it('are never on the same supernode', () => {
    two = new TestPath('p');
    one.lossPct = 12;
    run(5000);
    expect(pair.partner).toBeNull();
  });

  it('stop for a minute where sending twice makes it worse', () => {
    let isPairedMs = 0;
    run(10_000, (isPaired) => {
      one.lossPct = two.lossPct = isPaired ? 40 : 10;
    });
    run(50_000, (isPaired) => {
      one.lossPct = two.lossPct = isPaired ? 40 : 10;
      if (isPaired) isPairedMs += PING_MS;
    });
    expect(isPairedMs).toBe(0);
  });

  it('go on after a look at one path alone that loses as much', () => {
    one.lossPct = two.lossPct = 30;
    run(12_000);
    let aloneMs = 0;
    run(50_000, (isPaired) => {
      if (!isPaired) aloneMs += PING_MS;
    });
    expect(aloneMs).toBe(0);
    expect(pair.partner).toBe(two.path);
  });

  it('end when the partner has not answered for a second', () => {
    one.lossPct = two.lossPct = 12;
    run(5000);
    two.path.unanswered = 5;
    two.path.unansweredSinceMs = nowMs - 900;
    pair.review(one.path, paths(), nowMs);
    expect(pair.partner).toBe(two.path);
    pair.review(one.path, paths(), nowMs + 200);
    expect(pair.partner).toBeNull();
  });
});
