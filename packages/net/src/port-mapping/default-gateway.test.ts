import { expect, it } from 'vitest';
import { readDefaultRoute } from './default-gateway.ts';

const HEAD = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT';
const table = (...lines: string[]) =>
  `${[HEAD, ...lines.map((line) => line.replaceAll(' ', '\t'))].join('\n')}\n`;

it.each([
  ['one', table('eth0 00000000 0101A8C0 0003 0 0 0 00000000 0 0 0'), '192.168.1.1', 'eth0'],
  [
    'the one with the lowest metric',
    table(
      'wlan0 00000000 FE01000A 0003 0 0 600 00000000 0 0 0',
      'eth0 00000000 0101A8C0 0003 0 0 100 00000000 0 0 0',
      'eth0 0001A8C0 00000000 0001 0 0 100 00FFFFFF 0 0 0',
    ),
    '192.168.1.1',
    'eth0',
  ],
])('finds the gateway: %s', (_what, text, gateway, device) => {
  expect(readDefaultRoute(text)).toEqual({ device, gateway });
});

it.each([
  ['there is none', table('eth0 0001A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0')],
  ['it is a device, as with a VPN', table('tun0 00000000 00000000 0001 0 0 0 00000000 0 0 0')],
  ['it is half the Internet', table('eth0 00000000 0101A8C0 0003 0 0 0 00000080 0 0 0')],
  ['the file is empty', ''],
])('finds no gateway where %s', (_what, text) => {
  expect(readDefaultRoute(text)).toBeNull();
});
