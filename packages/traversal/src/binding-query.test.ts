import { describe, expect, it } from 'vitest';
import { BindingQuery } from './binding-query.ts';
import { parseAddressPort } from './ip-address.ts';
import { stunResponder } from './stun-responder.ts';

const SERVERS = ['203.0.113.1:3478', '[2001:db8::1]:3478'];
let seed = 0;
const random = (bytes: number) => new Uint8Array(bytes).map(() => ++seed & 0xff);

describe('a binding query', () => {
  it('tells how each server sees the socket', () => {
    const query = new BindingQuery(SERVERS, random, 0);
    const seen = query.poll(0).map(({ to, datagram }) => {
      const source = to.startsWith('[') ? '[2001:db8::9]:7' : '198.51.100.9:8';
      return query.handleDatagram(to, stunResponder(datagram, parseAddressPort(source)!)!);
    });
    expect(seen).toEqual([
      { server: SERVERS[0], mapped: '198.51.100.9:8' },
      { server: SERVERS[1], mapped: '[2001:db8::9]:7' },
    ]);
    expect([query.isOver, query.deadline]).toEqual([true, Number.POSITIVE_INFINITY]);
  });

  it('asks again, ever slower, and gives up', () => {
    const query = new BindingQuery(SERVERS.slice(0, 1), random, 0);
    const askedAt: number[] = [];
    while (!query.isOver) {
      const { deadline } = query;
      if (query.poll(deadline).length > 0) askedAt.push(deadline);
    }
    expect(askedAt).toEqual([0, 100, 300, 700, 1500]);
  });

  it('believes neither another sender nor another transaction', () => {
    const query = new BindingQuery(SERVERS.slice(0, 1), random, 0);
    const [request] = query.poll(0);
    const answer = stunResponder(request!.datagram, { address: '198.51.100.9', port: 8 })!;
    expect(query.handleDatagram('203.0.113.2:3478', answer)).toBeNull();
    const other = answer.slice();
    other[19]! ^= 1;
    expect(query.handleDatagram(SERVERS[0]!, other)).toBeNull();
    expect(query.handleDatagram(SERVERS[0]!, request!.datagram)).toBeNull();
    expect(query.handleDatagram(SERVERS[0]!, answer)).not.toBeNull();
    expect(query.handleDatagram(SERVERS[0]!, answer)).toBeNull();
  });
});
