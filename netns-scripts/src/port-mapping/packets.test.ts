import fc from 'fast-check';
import { expect, test } from 'vitest';
import { externalAddressRequest, mapRequest, readNatPmp } from './nat-pmp.ts';
import { pcpMapRequest, readPcpMap } from './pcp.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const nonce = bytes('000102030405060708090a0b');

test('NAT-PMP requests are those of RFC 6886 sections 3.2 and 3.3', () => {
  expect(externalAddressRequest()).toEqual(bytes('00 00'));
  const wish = { insidePort: 5000, outsidePort: 6000, lifetimeS: 3600 };
  expect(mapRequest(wish)).toEqual(bytes('00 01 0000 1388 1770 00000e10'));
  expect(mapRequest({ ...wish, lifetimeS: 0 })).toEqual(bytes('00 01 0000 1388 0000 00000000'));
});

test('NAT-PMP answers are read', () => {
  expect(readNatPmp(bytes('00 80 0003 0000000a 00000000'))).toEqual({
    kind: 'address',
    result: 3,
    epochS: 10,
    address: '0.0.0.0',
  });
  expect(readNatPmp(bytes('00 81 0000 0000000a 1388 1770 00000e10'))).toEqual({
    kind: 'map',
    result: 0,
    epochS: 10,
    insidePort: 5000,
    outsidePort: 6000,
    lifetimeS: 3600,
  });
});

const PCP_BODY = '000102030405060708090a0b 11 000000 1388 1770';

test('a PCP request to map is that of RFC 6887 sections 7.1 and 11.1', () => {
  const request = {
    insidePort: 5000,
    outsidePort: 6000,
    lifetimeS: 3600,
    clientAddress: '192.168.1.10',
    nonce,
  };
  expect(pcpMapRequest(request)).toEqual(
    bytes(
      `02 01 0000 00000e10 00000000000000000000ffffc0a8010a ${PCP_BODY} 00000000000000000000ffff00000000`,
    ),
  );
});

test('a PCP answer is read', () => {
  const answer = bytes(
    `02 81 00 08 0000001e 00000063 000000000000000000000000 ${PCP_BODY} 00000000000000000000ffff0b162101`,
  );
  expect(readPcpMap(answer)).toEqual({
    result: 8,
    lifetimeS: 30,
    epochS: 99,
    nonce,
    insidePort: 5000,
    outsidePort: 6000,
    outsideAddress: '11.22.33.1',
  });
});

test('other packets are not taken for answers, whatever they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (data) => {
      const packet = Buffer.from(data);
      if (packet[0] !== 0 || packet.length < 12) expect(readNatPmp(packet)).toBeNull();
      if (packet[0] !== 2 || packet.length < 60) expect(readPcpMap(packet)).toBeNull();
      for (const version of [0, 2]) {
        packet[0] = version;
        readNatPmp(packet);
        readPcpMap(packet);
      }
    }),
  );
});
