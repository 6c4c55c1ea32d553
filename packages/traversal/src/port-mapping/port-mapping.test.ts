import { describe, expect, it } from 'vitest';
import { addressBytes } from '../ip-address.ts';
import { PortMapping } from './port-mapping.ts';
import type { PortMappingOutput } from './port-mapping-types.ts';

const LIFETIME_S = 120;
const OUTSIDE = '198.51.100.7';

/** A gateway on a virtual clock, a millisecond away. What it does not speak it is silent about. */
class World {
  nowMs = 0;
  speaks = new Set<'pcp' | 'nat-pmp' | 'upnp-igd'>();
  address = OUTSIDE;
  startedAt = -100_000;
  /** Inside port by protocol and outside port. */
  readonly open = new Set<string>();
  readonly said: PortMappingOutput[] = [];
  readonly requests: string[] = [];
  igdCodes: number[] = [];
  readonly mapping: PortMapping;
  #seed = 0;

  constructor(...speaks: ('pcp' | 'nat-pmp' | 'upnp-igd')[]) {
    this.speaks = new Set(speaks);
    this.mapping = new PortMapping({
      insideAddress: '192.168.1.10',
      insidePort: 5000,
      lifetimeS: LIFETIME_S,
      random: (bytes) => new Uint8Array(bytes).map(() => ++this.#seed & 0xff),
      nowMs: 0,
    });
    this.drain();
  }

  get events(): string[] {
    return this.said.flatMap((each) =>
      each.type === 'mapped'
        ? [`${each.protocol} ${each.address}`]
        : each.type === 'unmapped'
          ? ['unmapped']
          : [],
    );
  }

  drain(): void {
    for (let outputs = this.mapping.poll(this.nowMs); outputs.length > 0; ) {
      for (const output of outputs) this.#carryOut(output);
      outputs = this.mapping.poll(this.nowMs);
    }
  }

  run(ms: number): void {
    const until = this.nowMs + ms;
    for (let turns = 0; this.mapping.deadline <= until; turns++) {
      if (turns > 10_000) throw new Error('it wakes again and again');
      this.nowMs = Math.max(this.nowMs, this.mapping.deadline);
      this.mapping.handleTimeout(this.nowMs);
      this.drain();
    }
    this.nowMs = until;
  }

  #carryOut(output: PortMappingOutput): void {
    this.said.push(output);
    if (output.type === 'igd-find' && this.speaks.has('upnp-igd')) this.mapping.handleIgdFound(this.nowMs);
    if (output.type === 'igd-map') this.#mapByIgd(output.outsidePort);
    if (output.type === 'igd-unmap') this.open.delete(`upnp-igd ${output.outsidePort}`);
    if (output.type !== 'send') return;
    const answer = this.#answer(output.datagram.slice());
    if (answer !== null) this.mapping.handleDatagram(answer, this.nowMs);
  }

  #mapByIgd(outsidePort: number): void {
    this.requests.push('upnp-igd map');
    const code = this.igdCodes.shift();
    if (code !== undefined) {
      this.mapping.handleIgdRefused(code);
      return;
    }
    this.open.add(`upnp-igd ${outsidePort}`);
    const grant = { outsideAddress: this.address, outsidePort, lifetimeS: LIFETIME_S };
    this.mapping.handleIgdMapped(grant, this.nowMs);
  }

  #answer(request: Uint8Array): Uint8Array | null {
    const protocol = request[0] === 2 ? 'pcp' : 'nat-pmp';
    const view = new DataView(request.buffer);
    this.requests.push(`${protocol} ${request[1] === 1 ? 'map' : 'address'}`);
    if (!this.speaks.has(protocol)) return null;
    const epochS = Math.floor((this.nowMs - this.startedAt) / 1000);
    const answer = new Uint8Array(protocol === 'pcp' ? 60 : 16);
    const out = new DataView(answer.buffer);
    answer.set([request[0]!, request[1]! | 0x80]);
    out.setUint32(protocol === 'pcp' ? 8 : 4, epochS);
    if (protocol === 'pcp') {
      this.#note('pcp', view.getUint32(4));
      out.setUint32(4, view.getUint32(4));
      answer.set(request.subarray(24, 44), 24);
      out.setUint16(42, 6000);
      answer.set([...new Uint8Array(10), 255, 255, ...addressBytes(this.address)!], 44);
    } else if (request[1] === 0) answer.set(addressBytes(this.address)!, 8);
    else {
      this.#note('nat-pmp', view.getUint32(8));
      out.setUint16(8, view.getUint16(4));
      out.setUint16(10, 6001);
      out.setUint32(12, view.getUint32(8));
    }
    return answer;
  }

  #note(protocol: string, lifetimeS: number): void {
    if (lifetimeS === 0) this.open.delete(protocol);
    else this.open.add(protocol);
  }
}

describe('a port mapping', () => {
  it.each([
    [['pcp', 'nat-pmp', 'upnp-igd'], 'pcp 198.51.100.7:6000'],
    [['pcp'], 'pcp 198.51.100.7:6000'],
    [['nat-pmp'], 'nat-pmp 198.51.100.7:6001'],
    [['nat-pmp', 'upnp-igd'], 'nat-pmp 198.51.100.7:6001'],
    [['upnp-igd'], 'upnp-igd 198.51.100.7:52494'],
  ] as const)('of %j is the one of the first that can, and of no other', (speaks, expected) => {
    const world = new World(...speaks);
    world.run(100);
    expect(world.events).toEqual([expected]);
    world.run(30_000);
    expect([world.events, world.open.size]).toEqual([[expected], 1]);
  });

  it('is renewed at half its lifetime, without a word as long as it stays the same', () => {
    const world = new World('pcp');
    world.run(59_000);
    const asked = world.requests.length;
    world.run(2000);
    expect(world.requests.slice(asked)).toEqual(['pcp map']);
    world.run(600_000);
    expect(world.events).toEqual(['pcp 198.51.100.7:6000']);
  });

  it.each(['pcp', 'nat-pmp', 'upnp-igd'] as const)('of %s is deleted at the end', (protocol) => {
    const world = new World(protocol);
    world.run(1000);
    expect(world.open.size).toBe(1);
    world.mapping.release(world.nowMs);
    world.drain();
    expect([world.open.size, world.events.at(-1), world.mapping.isReleased]).toEqual([0, 'unmapped', true]);
    world.run(1_000_000);
    expect(world.mapping.deadline).toBe(Number.POSITIVE_INFINITY);
  });

  it('that was asked for when the end came is deleted, too', () => {
    const world = new World();
    world.run(10);
    world.mapping.release(world.nowMs);
    const asked = world.requests.length;
    world.drain();
    expect(world.requests.slice(asked)).toEqual(['pcp map']);
    expect(world.events).toEqual([]);
  });

  it('is asked for four times, and again after five minutes', () => {
    const world = new World();
    world.run(290_000);
    const once = ['pcp map', 'nat-pmp address'];
    expect(world.requests).toEqual([...once, ...once, ...once, ...once]);
    world.speaks.add('pcp');
    world.run(30_000);
    expect(world.events).toEqual(['pcp 198.51.100.7:6000']);
  });

  it('that the gateway forgot is mapped again when a path fails, at most each second', () => {
    const world = new World('nat-pmp');
    world.run(1500);
    world.open.clear();
    world.startedAt = world.nowMs;
    world.address = '198.51.100.8';
    world.mapping.renew(world.nowMs);
    world.drain();
    const asked = world.requests.length;
    world.mapping.renew(world.nowMs + 10);
    world.drain();
    expect(world.requests.length).toBe(asked);
    expect([...world.open]).toEqual(['nat-pmp']);
    expect(world.events).toEqual(['nat-pmp 198.51.100.7:6001', 'nat-pmp 198.51.100.8:6001']);
  });

  it('that cannot be renewed is gone when it expires, and then looked for anew', () => {
    const world = new World('pcp');
    world.run(1000);
    world.speaks = new Set(['nat-pmp']);
    world.run(200_000);
    expect(world.events).toEqual(['pcp 198.51.100.7:6000', 'unmapped', 'nat-pmp 198.51.100.7:6001']);
  });

  it.each([
    '10.0.0.1',
    '100.64.0.7',
    '192.168.1.1',
    '0.0.0.0',
    '127.0.0.1',
  ])('at %s, behind another NAT, is none', (address) => {
    const world = new World();
    world.address = address;
    world.speaks = new Set(['pcp', 'nat-pmp', 'upnp-igd']);
    world.run(310_000);
    expect(world.events).toEqual([]);
    world.mapping.release(world.nowMs);
    world.drain();
    expect(world.open.size).toBe(0);
  });

  it('takes another port when one is somebody else’s, three in all', () => {
    const world = new World('upnp-igd');
    world.igdCodes = [718];
    world.run(1000);
    const ports = world.said.flatMap((each) => (each.type === 'igd-map' ? [each.outsidePort] : []));
    expect(new Set(ports).size).toBe(2);
    expect(world.events).toEqual([`upnp-igd ${OUTSIDE}:${ports[1]}`]);
    const refused = new World('upnp-igd');
    refused.igdCodes = new Array(9).fill(718);
    refused.run(20_000);
    expect(refused.requests.filter((each) => each === 'upnp-igd map').length).toBe(3);
  });

  it('believes no PCP answer with another nonce or port', () => {
    for (const [at, flip] of [
      [24, 1],
      [41, 1],
    ] as const) {
      const world = new World();
      const asked = world.said.find((each) => each.type === 'send');
      const answer = asked!.type === 'send' ? asked!.datagram.slice() : new Uint8Array();
      answer[1] = 0x81;
      new DataView(answer.buffer).setUint32(8, 1);
      answer.set([...new Uint8Array(10), 255, 255, ...addressBytes(OUTSIDE)!], 44);
      const forged = answer.slice();
      forged[at]! ^= flip;
      world.mapping.handleDatagram(forged, 1);
      world.drain();
      expect(world.events).toEqual([]);
      world.mapping.handleDatagram(answer, 1);
      world.drain();
      expect(world.events.length).toBe(1);
    }
  });
});
