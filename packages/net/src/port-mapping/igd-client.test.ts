import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { IgdClient } from './igd-client.ts';

/** Stands in for a router; loopback only. */
const LOOPBACK = { gateway: '127.0.0.1', localAddress: '127.0.0.1' };
const SERVICE = 'urn:schemas-upnp-org:service:WANIPConnection:1';
const WISH = { insidePort: 5000, outsidePort: 6000, lifetimeS: 60 };
const servers: Server[] = [];
const never = new AbortController().signal;

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(handle: RequestListener): Promise<URL> {
  const server = createServer(handle).listen(0, '127.0.0.1');
  servers.push(server);
  await new Promise((resolve) => server.once('listening', resolve));
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/root.xml`);
}

const description = (controlUrl: string) =>
  `<root><device><serviceList><service><serviceType>${SERVICE}</serviceType><controlURL>${controlUrl}</controlURL></service></serviceList></device></root>`;
const soap = (body: string) => `<s:Envelope xmlns:s="x"><s:Body>${body}</s:Body></s:Envelope>`;
const fault = (code: number) =>
  soap(`<s:Fault><detail><UPnPError><errorCode>${code}</errorCode></UPnPError></detail></s:Fault>`);

/** A router that answers each action with what is given for it; notes what it was asked. */
async function router(answers: Record<string, string>) {
  const asked: { action: string; body: string }[] = [];
  const location = await serve(async (request, response) => {
    if (request.method === 'GET') {
      response.end(description('/ctl'));
      return;
    }
    let body = '';
    for await (const piece of request) body += piece;
    const action = /#(\w+)"$/.exec(String(request.headers.soapaction))?.[1] ?? '';
    asked.push({ action, body });
    const answer = answers[action] ?? soap(`<u:${action}Response/>`);
    response.writeHead(answer.includes('Fault') ? 500 : 200).end(answer);
  });
  return { asked, client: await IgdClient.at(location, LOOPBACK, never) };
}

const ADDRESS = soap(
  '<u:GetExternalIPAddressResponse><NewExternalIPAddress>198.51.100.7</NewExternalIPAddress></u:GetExternalIPAddressResponse>',
);

it('maps and unmaps a port', async () => {
  const { asked, client } = await router({ GetExternalIPAddress: ADDRESS });
  expect(await client!.map(WISH, never)).toEqual({ outsideAddress: '198.51.100.7' });
  await client!.unmap(6000, never);
  expect(asked.map(({ action }) => action)).toEqual([
    'GetExternalIPAddress',
    'AddPortMapping',
    'DeletePortMapping',
  ]);
  expect(asked[1]!.body).toContain(
    '<NewExternalPort>6000</NewExternalPort><NewProtocol>UDP</NewProtocol><NewInternalPort>5000</NewInternalPort>' +
      '<NewInternalClient>127.0.0.1</NewInternalClient>',
  );
  expect(asked[1]!.body).toContain('<NewLeaseDuration>60</NewLeaseDuration>');
});

it('tells the error of the router', async () => {
  const { client } = await router({ GetExternalIPAddress: ADDRESS, AddPortMapping: fault(718) });
  expect(await client!.map(WISH, never)).toEqual({ error: 718 });
});

it.each([
  'http://127.0.0.2/ctl',
  '//127.0.0.2/ctl',
  'http://localhost/ctl',
  'https://127.0.0.1/ctl',
])('does not follow a description to %s', async (controlUrl) => {
  const location = await serve((_request, response) => response.end(description(controlUrl)));
  expect(await IgdClient.at(location, LOOPBACK, never)).toBeNull();
});

it('does not follow redirects, neither to a description nor to a control', async () => {
  let visits = 0;
  const elsewhere = await serve((_request, response) => {
    visits++;
    response.end(description('/ctl'));
  });
  const redirect: RequestListener = (_request, response) =>
    response.writeHead(307, { location: elsewhere.href }).end();
  expect(await IgdClient.at(await serve(redirect), LOOPBACK, never)).toBeNull();
  const location = await serve((request, response) => {
    if (request.method === 'GET') response.end(description('/ctl'));
    else redirect(request, response);
  });
  const client = await IgdClient.at(location, LOOPBACK, never);
  expect(await client!.map(WISH, never)).toEqual({ error: 0 });
  expect(visits).toBe(0);
});

it('gives up on a description without end', async () => {
  let poured = 0;
  const location = await serve((_request, response) => {
    const pour = () => {
      while (!response.destroyed && response.write(Buffer.alloc(16_384, 'x'))) poured += 16_384;
      response.once('drain', pour);
    };
    pour();
  });
  expect(await IgdClient.at(location, LOOPBACK, never)).toBeNull();
  // What the kernel's buffers take, not what a router can send until time is up.
  expect(poured).toBeLessThan(16 * 2 ** 20);
});

it('ends when it is told to, also in the middle of an answer', async () => {
  const over = new AbortController();
  const location = await serve((_request, response) => {
    response.write('<root>');
    over.abort();
  });
  expect(await IgdClient.at(location, LOOPBACK, over.signal)).toBeNull();
});
