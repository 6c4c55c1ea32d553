import { request } from 'node:http';
import type { DefaultGateway } from './default-gateway.ts';
import { type IgdAnswer, readAnswer, readDescription, writeOrder } from './igd-document.ts';
import { findDescription, gatewayUrl } from './ssdp.ts';

/** Descriptions have some 5 KB. */
const MAX_BODY_BYTES = 65_536;
/** A router answers in milliseconds; slow ones take a second. */
const EXCHANGE_TIMEOUT_MS = 2000;

export interface IgdWish {
  insidePort: number;
  outsidePort: number;
  lifetimeS: number;
}

/** The UPnP service of the gateway that maps ports (WANIPConnection). */
export class IgdClient {
  readonly #gateway: DefaultGateway;
  readonly #control: URL;
  readonly #service: string;

  private constructor(gateway: DefaultGateway, control: URL, service: string) {
    this.#gateway = gateway;
    this.#control = control;
    this.#service = service;
  }

  /** Null when the gateway does not speak UPnP IGD, or not before `signal` ends it. */
  static async find(gateway: DefaultGateway, signal: AbortSignal): Promise<IgdClient | null> {
    const location = await findDescription(gateway, signal);
    return location === null ? null : IgdClient.at(location, gateway, signal);
  }

  /** With the description at `location`; null when that is of no use. */
  static async at(location: URL, gateway: DefaultGateway, signal: AbortSignal): Promise<IgdClient | null> {
    const answer = await exchange(gateway, location, 'GET', {}, '', signal);
    const service = answer?.status === 200 ? readDescription(answer.body) : null;
    const control = service && gatewayUrl(service.controlUrl, gateway.gateway, location.href);
    return service && control ? new IgdClient(gateway, control, service.type) : null;
  }

  /** Maps a UDP port; the outside address, or the error of UPnP (0 without one). */
  async map(wish: IgdWish, signal: AbortSignal): Promise<{ outsideAddress: string } | { error: number }> {
    const outside = await this.#order('GetExternalIPAddress', {}, signal);
    if ('error' in outside) return outside;
    const mapped = await this.#order(
      'AddPortMapping',
      {
        ...nameOf(wish.outsidePort),
        NewInternalPort: wish.insidePort,
        NewInternalClient: this.#gateway.localAddress,
        NewEnabled: 1,
        NewPortMappingDescription: 'Overcall',
        NewLeaseDuration: wish.lifetimeS,
      },
      signal,
    );
    if ('error' in mapped) return mapped;
    return { outsideAddress: outside.fields.NewExternalIPAddress ?? '' };
  }

  async unmap(outsidePort: number, signal: AbortSignal): Promise<void> {
    await this.#order('DeletePortMapping', nameOf(outsidePort), signal);
  }

  async #order(
    action: string,
    fields: Record<string, string | number>,
    signal: AbortSignal,
  ): Promise<IgdAnswer> {
    const headers = {
      'content-type': 'text/xml; charset="utf-8"',
      soapaction: `"${this.#service}#${action}"`,
    };
    const order = writeOrder(this.#service, action, fields);
    const answer = await exchange(this.#gateway, this.#control, 'POST', headers, order, signal);
    return answer === null ? { error: 0 } : readAnswer(answer.body, action);
  }
}

const nameOf = (outsidePort: number) => ({
  NewRemoteHost: '',
  NewExternalPort: outsidePort,
  NewProtocol: 'UDP',
});

interface Answer {
  status: number;
  body: string;
}

/** One HTTP exchange, of limited length and time. Redirects are answers like others, and lead nowhere. Null when it fails. */
function exchange(
  { localAddress }: DefaultGateway,
  url: URL,
  method: string,
  headers: Record<string, string>,
  content: string,
  signal: AbortSignal,
): Promise<Answer | null> {
  const { promise, resolve } = Promise.withResolvers<Answer | null>();
  const asked = request(url, {
    method,
    headers: { ...headers, 'content-length': Buffer.byteLength(content) },
    agent: false,
    localAddress,
    signal: AbortSignal.any([signal, AbortSignal.timeout(EXCHANGE_TIMEOUT_MS)]),
  });
  asked.once('error', () => resolve(null));
  asked.once('response', (response) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    response.on('error', () => resolve(null));
    response.on('data', (piece: Buffer) => {
      bytes += piece.length;
      pieces.push(piece);
      if (bytes > MAX_BODY_BYTES) asked.destroy(new Error('too long'));
    });
    response.on('close', () => resolve(null));
    response.on('end', () =>
      resolve({ status: response.statusCode ?? 0, body: Buffer.concat(pieces).toString('utf8') }),
    );
  });
  asked.end(content);
  return promise;
}
