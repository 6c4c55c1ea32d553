import type { ClientRequest } from 'node:http';
import { BlockList, isIP, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { OvercallError } from '@overcall/wire';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { getProxyForUrl } from 'proxy-from-env';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/**
 * The HTTP proxy that the environment names for a URL: `https_proxy` (for `http:` URLs `http_proxy`), else `all_proxy`,
 * unless `no_proxy` excepts it; in small or capital letters. This machine itself is never behind a proxy.
 * @throws OvercallError `bad-proxy`
 */
export function proxyFor(target: URL): URL | null {
  if (isThisMachine(target.hostname.replace(/^\[(.*)\]$/, '$1'))) return null;
  const named = getProxyForUrl(target);
  if (named === '') return null;
  // Without a scheme the library takes that of the target; everybody else takes it for a plain HTTP proxy.
  const text = isNamedWithScheme(named) ? named : named.replace(/^https:/, 'http:');
  const proxy = URL.canParse(text) ? new URL(text) : null;
  if (proxy !== null && ['http:', 'https:'].includes(proxy.protocol)) return proxy;
  throw new OvercallError(
    'bad-proxy',
    'the proxy that the environment names is not an http:// or https:// URL',
  );
}

const isThisMachine = (host: string): boolean =>
  host === 'localhost' || (isIP(host) !== 0 && loopback.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4'));

function isNamedWithScheme(proxy: string): boolean {
  return Object.entries(process.env).some(([name, value]) => /_proxy$/i.test(name) && value === proxy);
}

/**
 * Opens connections through an HTTP CONNECT proxy (RFC 9110, 9.3.6). For `https:` the certificate is given to
 * `check`, which throws to refuse it, before anything is sent to the other side of the tunnel.
 */
export class TunnelAgent extends HttpsProxyAgent<string> {
  readonly #check: (socket: TLSSocket) => void;

  constructor(proxy: URL, check: (socket: TLSSocket) => void) {
    super(proxy.href);
    this.#check = check;
  }

  override async connect(
    request: ClientRequest,
    options: Parameters<HttpsProxyAgent<string>['connect']>[1],
  ): Promise<Socket> {
    let status: number | undefined;
    request.once('proxyConnect', (answer: { statusCode: number }) => {
      status = answer.statusCode;
    });
    const socket = await super.connect(request, options);
    if (status !== 200) {
      // The library hands a refusal on as if the other side had answered so.
      socket.destroy();
      throw new Error(`the proxy answered ${status}`);
    }
    if (!(socket instanceof TLSSocket)) return socket;
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve).once('error', reject);
      socket.once('close', () => reject(new Error('the proxy closed the tunnel')));
    });
    try {
      this.#check(socket);
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return socket;
  }
}
