import { describe, expect, it } from 'vitest';
import { otherAddressOf } from './discovery/inquiries.ts';
import { mappedAddressOf, readStunAddress } from './stun-address.ts';
import {
  findAttribute,
  readStunMessage,
  STUN_MAGIC_COOKIE,
  StunAttribute,
  type StunAttributeValue,
  StunType,
  writeStunMessage,
} from './stun-message.ts';
import { type StunOutcome, StunService, stunSites } from './stun-service.ts';

const CLIENT = { address: '192.0.2.7', port: 5000 };
const COOKIE = new Uint8Array(16).fill(0xc0);
const cookies = {
  make: () => COOKIE,
  verify: (cookie: Uint8Array, { address, port }: { address: string; port: number }) =>
    cookie.every((byte) => byte === 0xc0) && address === CLIENT.address && port === CLIENT.port,
};
const site = (address: string, port: number, isAlternate: boolean) => ({
  address,
  isAlternate,
  origin: `${address}:${port}`,
});
const [A, B] = ['203.0.113.1', '203.0.113.2'];
const ONE = [site(A, 3478, false), site(A, 3479, true)];
const TWO = [site(A, 3478, false), site(B, 3478, false), site(A, 3479, true), site(B, 3479, true)];

function request(attributes: StunAttributeValue[] = []): Uint8Array {
  const transaction = new Uint8Array(16).fill(9);
  new DataView(transaction.buffer).setUint32(0, STUN_MAGIC_COOKIE);
  return writeStunMessage({ type: StunType.BindingRequest, transaction, attributes });
}
const change = (flags: number) => ({
  type: StunAttribute.ChangeRequest,
  value: new Uint8Array([0, 0, 0, flags]),
});
const cookie = (value = COOKIE) => ({ type: StunAttribute.ProbeCookie, value });
const serviceOf = (sites: typeof ONE) => new StunService(stunSites(sites), cookies);

function answerOf(outcome: StunOutcome) {
  if (outcome.kind !== 'answer') throw new Error(`it is ${outcome.kind}`);
  return { ...outcome, message: readStunMessage(outcome.datagram)! };
}

describe('plain requests', () => {
  it('learn the other address and port of a server with two addresses', () => {
    const { message, from } = answerOf(serviceOf(TWO).handle(0, request(), CLIENT, 0));
    expect(from).toBe(0);
    expect(mappedAddressOf(message)).toEqual(CLIENT);
    const origin = findAttribute(message, StunAttribute.ResponseOrigin)!;
    expect(readStunAddress(origin)).toEqual({ address: A, port: 3478 });
    const other = otherAddressOf({ mapped: CLIENT, message });
    expect(other).toEqual({ address: B, port: 3479 });
  });

  it('are not misled by a server with one address, except who knows by the cookie', () => {
    const plain = answerOf(serviceOf(ONE).handle(0, request(), CLIENT, 0));
    expect(findAttribute(plain.message, StunAttribute.OtherAddress)).toBeNull();
    const knowing = answerOf(serviceOf(ONE).handle(0, request([cookie(new Uint8Array(16))]), CLIENT, 0));
    expect(otherAddressOf({ mapped: CLIENT, message: knowing.message })).toEqual({ address: A, port: 3479 });
    expect(findAttribute(knowing.message, StunAttribute.ProbeCookie)).toEqual(COOKIE);
  });

  it('draw at most 2.8 times their bytes', () => {
    for (const attributes of [[], [cookie()], [{ type: 0x7001, value: new Uint8Array(0) }]]) {
      const bytes = request(attributes);
      const { datagram } = answerOf(serviceOf(TWO).handle(0, bytes, CLIENT, 0));
      expect(datagram.length / bytes.length).toBeLessThanOrEqual(2.8);
    }
  });
});

describe('answers from elsewhere', () => {
  it('go to who holds a cookie for its address and port, from the socket that was asked for', () => {
    const service = serviceOf(TWO);
    for (const [socket, flags, from] of [
      [0, 2, 2],
      [0, 4, 1],
      [0, 6, 3],
      [3, 6, 0],
    ] as const) {
      const answer = answerOf(service.handle(socket, request([change(flags), cookie()]), CLIENT, 0));
      expect(answer).toMatchObject({ from, to: CLIENT, isUnprovenProbe: false });
    }
  });

  it('do not go to who has shown nothing, or a cookie for another port', () => {
    const service = serviceOf(TWO);
    const nothing = { kind: 'drop', reason: 'unproven' };
    expect(service.handle(0, request([change(2)]), CLIENT, 0)).toEqual(nothing);
    expect(service.handle(0, request([change(2), cookie(new Uint8Array(16))]), CLIENT, 0)).toEqual(nothing);
    const elsewhere = { ...CLIENT, port: 5001 };
    expect(service.handle(0, request([change(2), cookie()]), elsewhere, 0)).toEqual(nothing);
    const responsePort = { type: StunAttribute.ResponsePort, value: new Uint8Array([0x20, 0, 0, 0]) };
    expect(service.handle(0, request([responsePort, cookie()]), CLIENT, 0)).toEqual(nothing);
  });

  it('go to an address that asked plainly in the last minute, marked for a strict limit', () => {
    const service = serviceOf(TWO);
    service.handle(0, request(), CLIENT, 0);
    expect(answerOf(service.handle(0, request([change(2)]), CLIENT, 59_000)).isUnprovenProbe).toBe(true);
    expect(service.handle(0, request([change(2)]), CLIENT, 61_000).kind).toBe('drop');
  });

  it('are refused where there is no such socket', () => {
    const { message } = answerOf(serviceOf(ONE).handle(0, request([change(6), cookie()]), CLIENT, 0));
    expect(message.type).toBe(StunType.BindingError);
  });

  it('carry nothing but the mapped address', () => {
    const { message } = answerOf(serviceOf(TWO).handle(0, request([change(2), cookie()]), CLIENT, 0));
    expect(message.attributes.map(({ type }) => type)).toEqual([StunAttribute.XorMappedAddress]);
  });
});

describe('vouchers', () => {
  const wanted = { type: StunAttribute.VoucherFor, value: new Uint8Array(32) };
  const token = new Uint8Array(460);

  it('come only in an answer that is no longer than its request', () => {
    const padding = { type: StunAttribute.Padding, value: new Uint8Array(600) };
    for (const [attributes, hasVoucher] of [
      [[wanted], false],
      [[wanted, padding], true],
    ] as const) {
      const bytes = request([...attributes]);
      const outcome = serviceOf(ONE).handle(0, bytes, CLIENT, 0);
      if (outcome.kind !== 'vouch') throw new Error(outcome.kind);
      const answer = outcome.answer(token);
      expect(findAttribute(readStunMessage(answer)!, StunAttribute.Voucher) !== null).toBe(hasVoucher);
      if (hasVoucher) expect(answer.length).toBeLessThanOrEqual(bytes.length);
    }
  });

  it('shown, make a probe that is shorter than what asked for it', () => {
    const bytes = request([{ type: StunAttribute.Voucher, value: token }]);
    const outcome = serviceOf(ONE).handle(0, bytes, CLIENT, 0);
    if (outcome.kind !== 'probe') throw new Error(outcome.kind);
    const probe = outcome.probe({ address: '192.0.2.8', port: 6000 });
    expect(mappedAddressOf(readStunMessage(probe)!)).toEqual({ address: '192.0.2.8', port: 6000 });
    expect(probe.length + outcome.answer.length).toBeLessThan(bytes.length);
  });
});
