import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BIND_ACK_MACED_BYTES,
  BIND_REQUEST_BYTES,
  BIND_REQUEST_MACED_BYTES,
  readBindAck,
  readBindChallenge,
  readBindRequest,
  writeBindAck,
  writeBindChallenge,
  writeBindRequest,
} from './bind.ts';

const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const KEY = new Uint8Array(32).fill(7);
const mac = (bytes: Uint8Array) => new Uint8Array(createHmac('sha256', KEY).update(bytes).digest());
const COOKIE = Uint8Array.from({ length: 16 }, (_, i) => 0xc0 + i);
const FLOW = 0x89abcdef;
const SEQUENCE = 0x0102030405060708n;
const HEAD = '89abcdef0102030405060708';

const flowId = fc.integer({ min: 0, max: 0xffffffff });
const sequence = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const cookie = fc.uint8Array({ minLength: 16, maxLength: 16 });

describe('bind messages', () => {
  it('are laid out as documented', () => {
    const cookieHex = toHex(COOKIE);
    const request = writeBindRequest({ flowId: FLOW, sequence: SEQUENCE, cookie: COOKIE }, mac);
    const requestHead = `06${HEAD}${cookieHex}`;
    expect(toHex(request)).toBe(requestHead + toHex(mac(Buffer.from(requestHead, 'hex'))).slice(0, 32));
    const challenge = writeBindChallenge({ flowId: FLOW, echo: SEQUENCE, cookie: COOKIE });
    expect(toHex(challenge)).toBe(`07${HEAD}${cookieHex}`);
    const ack = writeBindAck({ flowId: FLOW, sequence: SEQUENCE }, mac);
    expect(toHex(ack)).toBe(`08${HEAD}${toHex(mac(Buffer.from(`08${HEAD}`, 'hex'))).slice(0, 32)}`);
  });

  it('never answer with more than they were sent', () => {
    const request = writeBindRequest({ flowId: FLOW, sequence: SEQUENCE, cookie: COOKIE }, mac);
    expect(request.length).toBe(BIND_REQUEST_BYTES);
    expect(writeBindChallenge({ flowId: 1, echo: 0n, cookie: COOKIE }).length).toBeLessThanOrEqual(
      request.length,
    );
    expect(writeBindAck({ flowId: 1, sequence: 0n }, mac).length).toBeLessThanOrEqual(request.length);
  });

  it('are read back, and their macs cover every byte before them', () => {
    fc.assert(
      fc.property(flowId, sequence, cookie, (flow, number, cookieBytes) => {
        const request = writeBindRequest({ flowId: flow, sequence: number, cookie: cookieBytes }, mac);
        const requestMac = mac(request.subarray(0, BIND_REQUEST_MACED_BYTES)).slice(0, 16);
        expect(readBindRequest(request)).toEqual({
          flowId: flow,
          sequence: number,
          cookie: cookieBytes,
          mac: requestMac,
        });
        const challenge = writeBindChallenge({ flowId: flow, echo: number, cookie: cookieBytes });
        expect(readBindChallenge(challenge)).toEqual({ flowId: flow, echo: number, cookie: cookieBytes });
        const ack = writeBindAck({ flowId: flow, sequence: number }, mac);
        const ackMac = mac(ack.subarray(0, BIND_ACK_MACED_BYTES)).slice(0, 16);
        expect(readBindAck(ack)).toEqual({ flowId: flow, sequence: number, mac: ackMac });
      }),
    );
  });

  it('are not taken for one another, cut, lengthened or random', () => {
    const readers = [readBindRequest, readBindChallenge, readBindAck];
    const written = [
      writeBindRequest({ flowId: FLOW, sequence: SEQUENCE, cookie: COOKIE }, mac),
      writeBindChallenge({ flowId: FLOW, echo: SEQUENCE, cookie: COOKIE }),
      writeBindAck({ flowId: FLOW, sequence: SEQUENCE }, mac),
    ];
    readers.forEach((read, i) => {
      written.forEach((datagram, j) => {
        expect(read(datagram) !== null).toBe(i === j);
        expect(read(datagram.subarray(1))).toBeNull();
        expect(read(datagram.subarray(0, -1))).toBeNull();
        expect(read(new Uint8Array([...datagram, 0]))).toBeNull();
      });
    });
    const length = fc.constantFrom(0, 1, 28, 29, 30, 44, 45, 46, 1000);
    fc.assert(
      fc.property(length, fc.integer({ min: 0, max: 255 }), (size, type) => {
        const datagram = new Uint8Array(size).fill(type);
        const taken = readers.filter((read) => read(datagram) !== null);
        const expected = (type === 6 && size === 45) || ((type === 7 || type === 8) && size === 29);
        expect(taken.length).toBe(expected ? 1 : 0);
      }),
      { numRuns: 500 },
    );
  });
});
