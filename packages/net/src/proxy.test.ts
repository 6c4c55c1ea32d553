import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer, request } from 'node:https';
import { type AddressInfo, connect, type Server as NetServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { proxyFor, TunnelAgent } from './proxy.ts';
import { createSelfSigned } from './self-signed-certificate.ts';

const PROXY = 'http://proxy.example:3128';
const closers: (() => unknown)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const close of closers.splice(0)) await close();
});

function inEnvironment(variables: Record<string, string>): void {
  for (const name of ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'])
    for (const each of [name, name.toUpperCase()]) vi.stubEnv(each, '');
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
}

describe('the proxy for a URL', () => {
  it.each<[what: string, environment: Record<string, string>, url: string, proxy: string | null]>([
    ['none', {}, 'https://a.example', null],
    ['https_proxy', { https_proxy: PROXY }, 'https://a.example', `${PROXY}/`],
    ['in capital letters', { HTTPS_PROXY: PROXY }, 'https://203.0.113.9:443', `${PROXY}/`],
    ['all_proxy', { all_proxy: PROXY }, 'https://[2001:db8::9]:443', `${PROXY}/`],
    ['not the one for plain HTTP', { http_proxy: PROXY }, 'https://a.example', null],
    ['the one for plain HTTP', { http_proxy: PROXY }, 'http://a.example', `${PROXY}/`],
    ['excepted', { https_proxy: PROXY, no_proxy: 'b.example,a.example' }, 'https://a.example', null],
    ['excepted with its domain', { https_proxy: PROXY, NO_PROXY: '.example' }, 'https://a.example', null],
    ['another is excepted', { https_proxy: PROXY, no_proxy: 'b.example' }, 'https://a.example', `${PROXY}/`],
    ['without a scheme', { https_proxy: 'proxy.example:3128' }, 'https://a.example', `${PROXY}/`],
    [
      'with a password',
      { https_proxy: 'http://a:b@p.example' },
      'https://a.example',
      'http://a:b@p.example/',
    ],
    ['never for this machine', { all_proxy: PROXY }, 'https://127.0.0.1:8443', null],
    ['nor for its IPv6 address', { all_proxy: PROXY }, 'http://[::1]:80', null],
    ['nor for its name', { all_proxy: PROXY }, 'http://localhost:80', null],
  ])('%s', (_what, environment, url, proxy) => {
    inEnvironment(environment);
    expect(proxyFor(new URL(url))?.href ?? null).toBe(proxy);
  });

  it.each(['socks5://p.example:1080', 'http://'])('is refused when it is %s', (value) => {
    inEnvironment({ https_proxy: value });
    expect(() => proxyFor(new URL('https://a.example'))).toThrow(
      expect.objectContaining({ code: 'bad-proxy' }),
    );
  });
});

async function listening<S extends Server | NetServer>(server: S): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

/** Tunnels, or says with which status it does not. */
async function proxyServer(status = 200): Promise<{ url: URL; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer();
  server.on('connect', (asking, client: Socket) => {
    asked.push(`${asking.url} ${asking.headers['proxy-authorization'] ?? ''}`.trim());
    client.on('error', () => {});
    if (status !== 200) {
      client.end(`HTTP/1.1 ${status} No\r\n\r\n`);
      return;
    }
    const [host, port] = asking.url!.split(':');
    const target = connect(Number(port), host, () => client.write('HTTP/1.1 200 OK\r\n\r\n'));
    target.on('error', () => client.destroy());
    client.pipe(target).pipe(client);
  });
  const port = await listening(server);
  return { url: new URL(`http://user:word@127.0.0.1:${port}`), asked };
}

async function tlsServer(): Promise<{ port: number; requests: string[] }> {
  const { key, certificate } = await createSelfSigned('test', []);
  const requests: string[] = [];
  const server = createTlsServer({ key, cert: certificate }, (asking, answer) => {
    requests.push(asking.url!);
    answer.end('hello');
  });
  return { port: await listening(server), requests };
}

function get(port: number, agent: TunnelAgent): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asking = request(
      { host: '127.0.0.1', port, path: '/secret', agent, rejectUnauthorized: false },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      },
    );
    asking.on('error', reject);
    asking.end();
  });
}

describe('a tunnel through a proxy', () => {
  it('leads to the host that was asked for, with the password of the proxy', async () => {
    const [proxy, { port, requests }] = [await proxyServer(), await tlsServer()];
    expect(await get(port, new TunnelAgent(proxy.url, () => {}))).toBe(200);
    expect(proxy.asked).toEqual([`127.0.0.1:${port} Basic ${btoa('user:word')}`]);
    expect(requests).toEqual(['/secret']);
  });

  it('sends nothing to a host with another certificate', async () => {
    const [proxy, { port, requests }] = [await proxyServer(), await tlsServer()];
    const refuse = () => {
      throw new Error('another certificate');
    };
    await expect(get(port, new TunnelAgent(proxy.url, refuse))).rejects.toThrow('another certificate');
    expect(requests).toEqual([]);
  });

  it.each([201, 403, 407])('does not come about when the proxy answers %i', async (status) => {
    const [proxy, { port, requests }] = [await proxyServer(status), await tlsServer()];
    const answer = get(port, new TunnelAgent(proxy.url, () => {}));
    // As an answer of the host it would be believed, for no certificate was shown.
    await expect(answer).rejects.toThrow(`the proxy answered ${status}`);
    expect(requests).toEqual([]);
  });
});
