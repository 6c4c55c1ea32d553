import { isIPv4 } from 'node:net';
import type { MappingProtocol } from '@overcall/traversal';
import ipaddr from 'ipaddr.js';
import { type DefaultGateway, findDefaultGateway } from './default-gateway.ts';
import { GatewaySession } from './gateway-session.ts';

/** Asked for, s. Short, because after a crash nobody deletes the mapping; many routers grant no less. */
export const DEFAULT_LEASE_S = 120;

/** How often it is looked whether the gateway is still the same, and to be reached, ms. */
const WATCH_INTERVAL_MS = 5000;

/** Addresses that a router translates: private ones (RFC 1918) and those of carriers (RFC 6598). */
const TRANSLATED = ['private', 'carrierGradeNat'];

export interface PortMapperOptions {
  /** Of a UDP socket that is bound to `boundTo`, or to every address without that. */
  port: number;
  boundTo?: string | undefined;
  leaseS?: number | undefined;
  /** The outside `ip:port` from now on, and who gave it; null when there is none any more. */
  onMapped(address: string | null, protocol: MappingProtocol | null): void;
}

/**
 * Keeps one UDP port mapped at the default gateway, and talks to nobody else. Does nothing where there is none, or
 * where this machine's address there is not one that a router would translate.
 */
export class PortMapper {
  readonly #options: PortMapperOptions;
  #session: GatewaySession | null = null;
  #network = 'null';
  #watch: NodeJS.Timeout | undefined;

  constructor(options: PortMapperOptions) {
    this.#options = options;
  }

  /** Maps the port; called again, maps it anew if this machine is in another network, or could not send to the gateway. */
  start(): void {
    this.#watch ??= setInterval(() => this.start(), WATCH_INTERVAL_MS).unref();
    const gateway = gatewayFor(this.#options.boundTo);
    const network = JSON.stringify(gateway);
    if (network === this.#network && this.#session?.hasFailed !== true) return;
    this.#network = network;
    // What the gateway of the network before has mapped ends with its lease: it is out of reach, or not ours any more.
    if (this.#session?.abandon()) this.#options.onMapped(null, null);
    const { port, leaseS = DEFAULT_LEASE_S, onMapped } = this.#options;
    this.#session = gateway && new GatewaySession(gateway, { port, leaseS, onMapped });
  }

  /** A path has failed: the gateway may have forgotten the mapping. */
  renew(): void {
    this.#session?.renew();
  }

  /** Deletes the mapping; resolves when the gateway has confirmed that, or will not any more. */
  async close(): Promise<void> {
    clearInterval(this.#watch);
    const session = this.#session;
    this.#session = null;
    await session?.close();
  }
}

/** The gateway, when a mapping there can be of use to a socket that is bound to this address. */
export function gatewayFor(boundTo = '0.0.0.0'): DefaultGateway | null {
  if (!isIPv4(boundTo) || boundTo.startsWith('127.')) return null;
  const found = findDefaultGateway();
  if (found === null || !TRANSLATED.includes(ipaddr.parse(found.localAddress).range())) return null;
  return boundTo === '0.0.0.0' || boundTo === found.localAddress ? found : null;
}
