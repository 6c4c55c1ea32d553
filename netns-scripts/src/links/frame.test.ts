import { expect, test } from 'vitest';
import { flowOf, isNeighbourDiscovery } from './frame.ts';

const MACS = 'ffffffffffff0200000000aa';
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** UDP over IPv4 (RFC 791, 768) from 10.0.0.1 to 10.0.0.2. */
function udp({ from = '1388', to = '0d96', fragment = '4000', protocol = '11', last = '02' } = {}): Buffer {
  return hex(
    `${MACS} 0800 45000020 0001${fragment} 40${protocol}0000 0a000001 0a0000${last} ${from}${to}000c0000 61626364`,
  );
}

/** Over IPv6 (RFC 8200) from 2001:db8::1 to 2001:db8::2. */
const ipv6 = (nextHeader: string, payload: string) =>
  hex(
    `${MACS} 86dd 60000000 0008${nextHeader}ff 20010db8000000000000000000000001 20010db8000000000000000000000002 ${payload}`,
  );

test('ARP and IPv6 neighbour discovery are known from all else', () => {
  expect(isNeighbourDiscovery(hex(`${MACS} 0806 0001080006040001`))).toBe(true);
  for (const type of ['85', '87', '88', '89'])
    expect(isNeighbourDiscovery(ipv6('3a', `${type}000000`))).toBe(true);
  expect(isNeighbourDiscovery(ipv6('3a', '80000000'))).toBe(false); // echo request
  expect(isNeighbourDiscovery(ipv6('11', '87000d960008'))).toBe(false);
  expect(isNeighbourDiscovery(udp())).toBe(false);
  expect(isNeighbourDiscovery(hex('0806'))).toBe(false);
});

test('packets of a flow have its number, others another one', () => {
  expect(flowOf(udp())).toBe(flowOf(udp()));
  const flows = [
    udp(),
    udp({ from: '1389' }),
    udp({ to: '0d97' }),
    udp({ last: '03' }),
    udp({ protocol: '06' }),
    udp({ fragment: '2000' }),
    ipv6('11', '13880d960008'),
    ipv6('11', '13890d960008'),
    ipv6('3a', '80000000'),
    hex(`${MACS} 88cc 000000000000000000000000000000000000000000000000`),
  ].map(flowOf);
  expect(new Set(flows).size).toBe(flows.length);
});

test('the fragments of a packet are one flow, whatever stands where ports would', () => {
  const first = udp({ fragment: '2000' });
  expect(flowOf(udp({ fragment: '0010', from: 'abcd' }))).toBe(flowOf(first));
});

test('frames that end too early have a flow too', () => {
  const whole = udp();
  for (let length = 0; length <= whole.length; length++)
    expect(flowOf(whole.subarray(0, length))).toEqual(expect.any(Number));
});
