import fc from 'fast-check';
import { expect, it } from 'vitest';
import { addressBytes } from '../ip-address.ts';
import { readNatPmpResponse, writeAddressRequest, writeMapRequest } from './nat-pmp-message.ts';
import { readPcpResponse, writePcpMapRequest } from './pcp-message.ts';

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const nonce = bytes('000102030405060708090a0b');
const WISH = { insidePort: 5000, outsidePort: 6000, lifetimeS: 3600 };

it('NAT-PMP requests are those of RFC 6886, 3.2 to 3.4', () => {
  expect(writeAddressRequest()).toEqual(bytes('00 00'));
  expect(writeMapRequest(WISH)).toEqual(bytes('00 01 0000 1388 1770 00000e10'));
  expect(writeMapRequest({ ...WISH, lifetimeS: 0 })).toEqual(bytes('00 01 0000 1388 0000 00000000'));
});

it.each([
  ['00 80 0000 0000000a c6336407', { kind: 'address', epochS: 10, address: '198.51.100.7' }],
  ['00 81 0000 0000000a 1388 1770 00000e10', { kind: 'mapped', epochS: 10, ...WISH }],
  ['00 80 0003 0000000a 00000000', { kind: 'refused', of: 'address', epochS: 10, result: 3 }],
  ['00 81 0001 00000063', { kind: 'refused', of: 'map', epochS: 99, result: 1 }],
  ['00 81 0000 0000000a 1388 1770 00000e', null],
  ['00 82 0000 0000000a 1388 1770 00000e10', null],
  ['00 01 0000 1388 1770 00000e10', null],
])('the NAT-PMP response %s is read', (hex, expected) => {
  expect(readNatPmpResponse(bytes(hex))).toEqual(expected);
});

const BODY = '000102030405060708090a0b 11 000000 1388 1770';
const PCP = {
  ok: `02 81 00 00 00000e10 00000063 000000000000000000000000 ${BODY} 00000000000000000000ffffc6336407`,
  refused: `02 81 00 08 0000001e 00000063 000000000000000000000000 ${BODY} 00000000000000000000ffff00000000`,
  short: '02 81 00 01 0000001e 00000063 000000000000000000000000',
};

it('a PCP request to map is that of RFC 6887, 7.1 and 11.1; one to delete suggests nothing', () => {
  const wish = { ...WISH, clientAddress: '192.168.1.10', nonce };
  const head = '02 01 0000 00000e10 00000000000000000000ffffc0a8010a';
  expect(writePcpMapRequest(wish)).toEqual(bytes(`${head} ${BODY} 00000000000000000000ffff00000000`));
  const deletion = writePcpMapRequest({ ...wish, lifetimeS: 0 });
  expect(deletion).toEqual(
    bytes(`${head.replace('e10', '000')} ${BODY.replace('1770', '0000')} 00000000000000000000ffff00000000`),
  );
});

it.each([
  [PCP.ok, { kind: 'mapped', epochS: 99, nonce, ...WISH, outsideAddress: '198.51.100.7' }],
  [PCP.refused, { kind: 'refused', epochS: 99, result: 8 }],
  [PCP.short, { kind: 'refused', epochS: 99, result: 1 }],
  [PCP.ok.slice(0, -2), null],
  [PCP.ok.replace('02 81', '02 01'), null],
  [PCP.ok.replace('02 81', '01 81'), null],
  [PCP.ok.replace(' 11 ', ' 06 '), null],
  [`${PCP.ok}${'00'.repeat(1044)}`, null],
])('the PCP response %s is read', (hex, expected) => {
  expect(readPcpResponse(bytes(hex))).toEqual(expected);
});

const port = fc.integer({ min: 0, max: 0xffff });
const seconds = fc.integer({ min: 1, max: 0xffffffff });

it('what a gateway grants comes back as it was written, by PCP and NAT-PMP', () => {
  fc.assert(
    fc.property(
      port,
      port,
      seconds,
      fc.ipV4(),
      seconds,
      (insidePort, outsidePort, lifetimeS, address, epochS) => {
        const pcp = bytes(PCP.ok);
        const view = new DataView(pcp.buffer);
        view.setUint32(4, lifetimeS);
        view.setUint32(8, epochS);
        view.setUint16(40, insidePort);
        view.setUint16(42, outsidePort);
        pcp.set(addressBytes(address)!, 56);
        const mapped = { kind: 'mapped', epochS, insidePort, outsidePort, lifetimeS };
        expect(readPcpResponse(pcp)).toEqual({ ...mapped, nonce, outsideAddress: address });
        const pmp = new Uint8Array(16);
        pmp[1] = 129;
        const pmpView = new DataView(pmp.buffer);
        pmpView.setUint32(4, epochS);
        pmpView.setUint16(8, insidePort);
        pmpView.setUint16(10, outsidePort);
        pmpView.setUint32(12, lifetimeS);
        expect(readNatPmpResponse(pmp)).toEqual(mapped);
      },
    ),
  );
});

it('any bytes at all are a response or nothing', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(0, 1, 2), (datagram, version) => {
      if (datagram.length > 1) datagram.set([version, 0x80 | (datagram[1]! & 1)]);
      const pmp = readNatPmpResponse(datagram);
      const pcp = readPcpResponse(datagram);
      expect(pmp === null || pcp === null).toBe(true);
      if (datagram.length < 8 || version === 1) expect([pmp, pcp]).toEqual([null, null]);
    }),
  );
});
