import { expect, it } from 'vitest';
import { gatewayUrl, readSearchResponse } from './ssdp.ts';

const GATEWAY = '192.168.1.1';
const response = (...lines: string[]) => Buffer.from(['HTTP/1.1 200 OK', ...lines, '', ''].join('\r\n'));

it.each([
  ['http://192.168.1.1:1900/rootDesc.xml', true],
  ['http://192.168.1.1/', true],
  ['http://192.168.1.1:80', true],
  ['https://192.168.1.1/', false],
  ['http://192.168.1.2/', false],
  ['http://192.168.1.1.example.com/', false],
  ['http://router.lan/', false],
  ['http://192.168.1.1@192.168.1.2/', false],
  ['http://user@192.168.1.1/', false],
  ['http://127.0.0.1/', false],
  ['http://169.254.169.254/latest/meta-data', false],
  ['http://[::ffff:192.168.1.1]/', false],
  ['file:///etc/passwd', false],
  ['ftp://192.168.1.1/', false],
  ['//192.168.1.2/', false],
  ['', false],
])('whether a description may be at %s: %s', (location, may) => {
  expect(readSearchResponse(response(`LOCATION: ${location}`), GATEWAY) !== null).toBe(may);
});

it('takes other spellings of the address for what they are', () => {
  expect(gatewayUrl('http://0300.0250.1.1/', GATEWAY)?.hostname).toBe(GATEWAY);
  expect(gatewayUrl('http://3232235778/', GATEWAY)).toBeNull();
});

it.each([
  ['/ctl', 'http://192.168.1.1:5000/ctl'],
  ['ctl', 'http://192.168.1.1:5000/a/ctl'],
  ['http://192.168.1.1:49152/ctl', 'http://192.168.1.1:49152/ctl'],
  ['//192.168.1.2/ctl', undefined],
  ['http://192.168.1.2/ctl', undefined],
])('the control URL %s beside the description is %s', (text, expected) => {
  expect(gatewayUrl(text, GATEWAY, 'http://192.168.1.1:5000/a/b.xml')?.href).toBe(expected);
});

it.each([
  ['an error', Buffer.from(`HTTP/1.1 404 No\r\nLOCATION: http://${GATEWAY}/\r\n\r\n`)],
  ['an announcement', Buffer.from(`NOTIFY * HTTP/1.1\r\nLOCATION: http://${GATEWAY}/\r\n\r\n`)],
  ['one without a location', response('ST: upnp:rootdevice')],
  ['a long one', response(`LOCATION: http://${GATEWAY}/`, `X: ${'x'.repeat(2100)}`)],
  ['an empty one', Buffer.alloc(0)],
])('is no answer: %s', (_what, datagram) => {
  expect(readSearchResponse(datagram, GATEWAY)).toBeNull();
});
