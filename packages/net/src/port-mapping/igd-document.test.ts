import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readAnswer, readDescription, writeOrder } from './igd-document.ts';

const service = (name: string, url: string) =>
  `<service><serviceType>urn:schemas-upnp-org:service:${name}</serviceType><controlURL>${url}</controlURL></service>`;
const device = (services: string, inner = '') =>
  `<device><serviceList>${services}</serviceList><deviceList>${inner}</deviceList></device>`;
const description = (services: string) => `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0">
${device(service('Layer3Forwarding:1', '/l3'), device(service('WANCommonInterfaceConfig:1', '/c'), device(services)))}</root>`;

it.each([
  ['one service', service('WANIPConnection:1', '/ctl/IPConn'), 'WANIPConnection:1', '/ctl/IPConn'],
  [
    'the best of several',
    service('WANPPPConnection:1', '/ppp') +
      service('WANIPConnection:1', '/1') +
      service('WANIPConnection:2', '/2'),
    'WANIPConnection:2',
    '/2',
  ],
  [
    'with spaces and an ampersand',
    service('WANIPConnection:1', '\n /a?b=1&amp;c \n'),
    'WANIPConnection:1',
    '/a?b=1&c',
  ],
])('a description is read: %s', (_what, services, name, controlUrl) => {
  expect(readDescription(description(services))).toEqual({
    type: `urn:schemas-upnp-org:service:${name}`,
    controlUrl,
  });
});

it.each([
  ['no such service', description(service('WANIPv6FirewallControl:1', '/6'))],
  ['no XML', 'hello'],
  ['broken XML', '<root><device>'],
  [
    'entities',
    `<!DOCTYPE root [<!ENTITY a "${'a'.repeat(99)}">]>${description(service('WANIPConnection:1', '/&a;'))}`,
  ],
  ['depth', `${'<a>'.repeat(5000)}${service('WANIPConnection:1', '/')}${'</a>'.repeat(5000)}`],
  ['nothing', ''],
])('a description with %s is of no use', (_what, xml) => {
  expect(readDescription(xml)).toBeNull();
});

const soap = (body: string) =>
  `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${body}</s:Body></s:Envelope>`;
const ADDRESS = '<NewExternalIPAddress>198.51.100.7</NewExternalIPAddress>';
const TYPE = 'urn:schemas-upnp-org:service:WANIPConnection:1';

it.each([
  [
    `<u:GetExternalIPAddressResponse xmlns:u="${TYPE}">${ADDRESS}</u:GetExternalIPAddressResponse>`,
    { fields: { NewExternalIPAddress: '198.51.100.7' } },
  ],
  ['<u:GetExternalIPAddressResponse/>', { fields: {} }],
  [
    '<s:Fault><faultcode>s:Client</faultcode><detail><UPnPError><errorCode>718</errorCode></UPnPError></detail></s:Fault>',
    { error: 718 },
  ],
  ['<s:Fault/>', { error: 0 }],
  ['<u:AddPortMappingResponse/>', { error: 0 }],
  ['', { error: 0 }],
])('an answer is read: %s', (body, expected) => {
  expect(readAnswer(soap(body), 'GetExternalIPAddress')).toEqual(expected);
});

it('an order is what UPnP Device Architecture 2.0, 3.2.1, says', () => {
  expect(
    writeOrder(TYPE, 'DeletePortMapping', { NewRemoteHost: '', NewExternalPort: 6000, NewProtocol: '<&' }),
  ).toBe(
    '<?xml version="1.0"?>\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
      's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">\n' +
      `<s:Body><u:DeletePortMapping xmlns:u="${TYPE}"><NewRemoteHost></NewRemoteHost>` +
      '<NewExternalPort>6000</NewExternalPort><NewProtocol>&#60;&#38;</NewProtocol>' +
      '</u:DeletePortMapping></s:Body></s:Envelope>',
  );
});

it('any text is a document or none', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('<', '>', '/', '&', ';', '!', '"', 'a', ' ', '=', '[', '?') }),
      (text) => {
        readDescription(text);
        readAnswer(text, 'a');
      },
    ),
  );
});
