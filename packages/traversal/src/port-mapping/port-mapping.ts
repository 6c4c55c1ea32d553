import { viewOf } from '@overcall/wire';
import { mayCheck } from '../agent/candidate.ts';
import { formatAddressPort } from '../ip-address.ts';
import { GatewayEpoch } from './gateway-epoch.ts';
import {
  type NatPmpResponse,
  NatPmpResult,
  readNatPmpResponse,
  writeAddressRequest,
  writeMapRequest,
} from './nat-pmp-message.ts';
import { PCP_NONCE_BYTES, type PcpResponse, readPcpResponse, writePcpMapRequest } from './pcp-message.ts';
import type {
  Mapping,
  MappingProtocol,
  PortMappingOptions,
  PortMappingOutput,
} from './port-mapping-types.ts';
import { Retransmission } from './retransmission.ts';

/** PCP is asked together with the others and preferred if it answers by then, ms: several round trips of a Wi-Fi. */
const HEAD_START_MS = 100;
/** Where nothing maps ports it is looked again after this, ms: routers are replaced and set up anew. */
const SEARCH_AGAIN_MS = 300_000;
/** Renewals are no closer together, ms, whatever lifetime is granted or however often somebody asks. */
const LEAST_RENEWAL_MS = 1000;
/** Longest lifetime that is believed, s. */
const MAX_LIFETIME_S = 86_400;
/** Ports for UPnP IGD: the dynamic ones (RFC 6335, 6). Not ours, so that protocols do not get into each other's way. */
const FIRST_DYNAMIC_PORT = 49_152;
/** A port that is somebody else's is exchanged for another, so often. */
const MAX_IGD_PORTS = 3;
/** UPnP WANIPConnection:2, 2.5: ConflictInMappingEntry, ConflictWithOtherMechanisms. */
const IGD_CONFLICTS = [718, 729];
/** The request that maps the port, by protocol. */
const REQUEST = { pcp: 'pcp', 'nat-pmp': 'pmp-map' } as const;

/**
 * Keeps one UDP port mapped at the gateway. PCP, NAT-PMP and UPnP IGD are asked for at once, and the first that can
 * maps the port; the mapping is renewed at half its lifetime, and everything that was granted is deleted at the end.
 */
export class PortMapping {
  readonly #options: PortMappingOptions;
  readonly #nonce: Uint8Array;
  readonly #outputs: PortMappingOutput[] = [];
  readonly #pmpEpoch = new GatewayEpoch();
  /** Requests that are out. */
  readonly #requests = new Map<'pcp' | 'pmp-address' | 'pmp-map', Retransmission>();
  /** The outside address that NAT-PMP told; null while it has not, and when that address would be of no use. */
  #pmpAddress: string | null = null;
  #pmpTried = false;
  #igd: 'unknown' | 'found' | 'mapping' | 'refused' = 'unknown';
  #igdPort = 0;
  #igdTries = 0;
  #holder: (Mapping & { expiresAt: number; renewAt: number; renewedAt: number }) | null = null;
  readonly #granted = new Map<MappingProtocol, number>();
  #phase: 'searching' | 'mapped' | 'resting' | 'releasing' = 'searching';
  #headStartUntil = 0;
  #searchAt = Number.POSITIVE_INFINITY;

  constructor(options: PortMappingOptions) {
    this.#options = options;
    this.#nonce = options.random(PCP_NONCE_BYTES).slice();
    this.#search(options.nowMs);
  }

  /** Drains what is to be done, in order. */
  poll(nowMs: number): PortMappingOutput[] {
    for (const request of this.#requests.values()) {
      const datagram = request.poll(nowMs);
      if (datagram !== null) this.#outputs.push({ type: 'send', datagram });
    }
    return this.#outputs.splice(0);
  }

  /** When to call {@link handleTimeout}. */
  get deadline(): number {
    const due = [...this.#requests.values()].map(({ deadline }) => deadline);
    if (this.#phase === 'searching') due.push(this.#headStartUntil, this.#searchAt);
    if (this.#phase === 'resting') due.push(this.#searchAt);
    if (this.#phase === 'mapped') due.push(this.#holder!.renewAt, this.#holder!.expiresAt);
    return Math.min(Number.POSITIVE_INFINITY, ...due);
  }

  /** Everything that had been granted is given back, or as good as. */
  get isReleased(): boolean {
    return this.#phase === 'releasing' && this.#requests.size === 0;
  }

  handleTimeout(nowMs: number): void {
    for (const [name, request] of this.#requests) if (request.isOver(nowMs)) this.#requests.delete(name);
    if (this.#phase === 'searching') {
      if (nowMs >= this.#headStartUntil) this.#headStartUntil = Number.POSITIVE_INFINITY;
      this.#advance(nowMs);
      if (nowMs >= this.#searchAt) this.#rest(nowMs);
    } else if (this.#phase === 'resting') {
      if (nowMs >= this.#searchAt) this.#search(nowMs);
    } else if (this.#phase === 'mapped') {
      if (nowMs >= this.#holder!.expiresAt) this.#lose(nowMs);
      else if (nowMs >= this.#holder!.renewAt) this.#renew(nowMs);
    }
  }

  /** A path has failed: the gateway may have forgotten the mapping. */
  renew(nowMs: number): void {
    if (this.#phase !== 'mapped' || nowMs < this.#holder!.renewedAt + LEAST_RENEWAL_MS) return;
    this.#renew(nowMs);
  }

  /** Deletes whatever was granted. */
  release(nowMs: number): void {
    if (this.#phase === 'releasing') return;
    if (this.#phase === 'mapped') this.#outputs.push({ type: 'unmapped' });
    this.#phase = 'releasing';
    const igdPort = this.#granted.get('upnp-igd');
    if (igdPort !== undefined) this.#outputs.push({ type: 'igd-unmap', outsidePort: igdPort });
    const asked = { pcp: this.#requests.has('pcp'), 'nat-pmp': this.#requests.has('pmp-map') };
    this.#requests.clear();
    for (const protocol of ['pcp', 'nat-pmp'] as const) {
      const deletion = this.#mapRequest(protocol, 0, 0);
      if (this.#granted.has(protocol))
        this.#requests.set(REQUEST[protocol], new Retransmission(deletion, nowMs));
      // The answer to a request that is out may be on its way. Whoever has not answered so far is not waited for.
      else if (asked[protocol]) this.#outputs.push({ type: 'send', datagram: deletion });
    }
  }

  /** A datagram from port 5351 of the gateway. */
  handleDatagram(datagram: Uint8Array, nowMs: number): void {
    const pcp = readPcpResponse(datagram);
    const pmp = pcp === null ? readNatPmpResponse(datagram) : null;
    if (pcp !== null) this.#handlePcp(pcp, nowMs);
    else if (pmp !== null) this.#handlePmp(pmp, nowMs);
    if (this.#phase === 'searching') this.#advance(nowMs);
  }

  /** The gateway speaks UPnP IGD. */
  handleIgdFound(nowMs: number): void {
    if (this.#phase !== 'searching' || this.#igd !== 'unknown') return;
    this.#igd = 'found';
    this.#advance(nowMs);
  }

  handleIgdMapped(mapping: Omit<Mapping, 'protocol'>, nowMs: number): void {
    this.#granted.set('upnp-igd', mapping.outsidePort);
    if (this.#phase === 'releasing') {
      this.#outputs.push({ type: 'igd-unmap', outsidePort: mapping.outsidePort });
      return;
    }
    if (isPublic(mapping)) this.#take({ ...mapping, protocol: 'upnp-igd' }, nowMs);
    else this.#igd = 'refused';
  }

  /** @param code of UPnP; 0 when the gateway gave none, or did not answer */
  handleIgdRefused(code: number): void {
    if (this.#phase !== 'searching') return; // a renewal: the mapping stands until it expires
    this.#igd = 'refused';
    if (!IGD_CONFLICTS.includes(code) || this.#igdTries >= MAX_IGD_PORTS) return;
    this.#igdPort = 0;
    this.#mapByIgd();
  }

  #search(nowMs: number): void {
    this.#phase = 'searching';
    this.#pmpAddress = null;
    this.#pmpTried = false;
    this.#igd = 'unknown';
    this.#igdTries = 0;
    this.#requestMap('pcp', this.#options.insidePort, nowMs);
    this.#requests.set('pmp-address', new Retransmission(writeAddressRequest(), nowMs));
    this.#headStartUntil = nowMs + HEAD_START_MS;
    // As long as a request is repeated: 250 + 500 + 1000 + 2000 ms, and then one is mapped by NAT-PMP.
    this.#searchAt = nowMs + 8000;
    this.#outputs.push({ type: 'igd-find' });
  }

  #rest(nowMs: number): void {
    this.#phase = 'resting';
    this.#requests.clear();
    this.#searchAt = nowMs + SEARCH_AGAIN_MS;
  }

  #lose(nowMs: number): void {
    this.#granted.delete(this.#holder!.protocol);
    this.#holder = null;
    this.#outputs.push({ type: 'unmapped' });
    this.#requests.clear();
    this.#search(nowMs);
  }

  /** PCP has had its chance, or has none: then the next protocol that is there maps the port. */
  #advance(nowMs: number): void {
    const hasHeadStart = this.#headStartUntil !== Number.POSITIVE_INFINITY;
    if (hasHeadStart && this.#requests.has('pcp')) return;
    if (this.#requests.has('pmp-map') || this.#igd === 'mapping') return;
    if (this.#pmpAddress !== null && !this.#pmpTried) {
      this.#pmpTried = true;
      this.#requestMap('nat-pmp', this.#options.insidePort, nowMs);
    } else if (this.#igd === 'found') this.#mapByIgd();
  }

  #mapByIgd(): void {
    this.#igd = 'mapping';
    this.#igdTries++;
    if (this.#igdPort === 0) {
      const random = viewOf(this.#options.random(2)).getUint16(0);
      this.#igdPort = FIRST_DYNAMIC_PORT + (random % (0x10000 - FIRST_DYNAMIC_PORT));
    }
    this.#outputs.push({ type: 'igd-map', outsidePort: this.#igdPort });
  }

  #requestMap(protocol: 'pcp' | 'nat-pmp', outsidePort: number, nowMs: number): void {
    const datagram = this.#mapRequest(protocol, outsidePort, this.#options.lifetimeS);
    this.#requests.set(REQUEST[protocol], new Retransmission(datagram, nowMs));
  }

  #mapRequest(protocol: 'pcp' | 'nat-pmp', outsidePort: number, lifetimeS: number): Uint8Array {
    const { insidePort, insideAddress } = this.#options;
    const wish = { insidePort, outsidePort, lifetimeS };
    if (protocol === 'nat-pmp') return writeMapRequest(wish);
    return writePcpMapRequest({ ...wish, clientAddress: insideAddress, nonce: this.#nonce });
  }

  #renew(nowMs: number): void {
    const holder = this.#holder!;
    holder.renewedAt = nowMs;
    // Without an answer again after half of what is left.
    holder.renewAt = nowMs + Math.max(LEAST_RENEWAL_MS, (holder.expiresAt - nowMs) / 2);
    if (holder.protocol === 'upnp-igd')
      this.#outputs.push({ type: 'igd-map', outsidePort: holder.outsidePort });
    else this.#requestMap(holder.protocol, holder.outsidePort, nowMs);
  }

  #handlePcp(response: PcpResponse, nowMs: number): void {
    if (!this.#requests.has('pcp')) return;
    if (response.kind === 'mapped') {
      const isOurs = response.nonce.every((byte, i) => byte === this.#nonce[i]);
      if (!isOurs || response.insidePort !== this.#options.insidePort) return;
    }
    this.#requests.delete('pcp');
    if (response.kind === 'refused' || this.#phase === 'releasing') return;
    this.#handleGrant({ ...response, protocol: 'pcp' }, nowMs);
  }

  #handlePmp(response: NatPmpResponse, nowMs: number): void {
    const hasRestarted = this.#pmpEpoch.handleAnswer(response.epochS, nowMs);
    const isOfMap = response.kind === 'mapped' || (response.kind === 'refused' && response.of === 'map');
    const name = isOfMap ? 'pmp-map' : 'pmp-address';
    // A gateway that knows NAT-PMP alone answers PCP so, with the opcode of the request (RFC 6887, 9).
    if (response.kind === 'refused' && response.result === NatPmpResult.UnsupportedVersion && isOfMap)
      this.#requests.delete('pcp');
    if (!this.#requests.has(name)) return;
    if (response.kind === 'mapped' && response.insidePort !== this.#options.insidePort) return;
    this.#requests.delete(name);
    if (this.#phase === 'releasing') return;
    if (response.kind === 'refused') return;
    if (response.kind === 'address') this.#handlePmpAddress(response.address);
    else {
      // What started again may have another address.
      if (hasRestarted) this.#requests.set('pmp-address', new Retransmission(writeAddressRequest(), nowMs));
      const { outsidePort, lifetimeS } = response;
      const outsideAddress = this.#pmpAddress ?? '';
      this.#handleGrant({ outsideAddress, outsidePort, lifetimeS, protocol: 'nat-pmp' }, nowMs);
    }
  }

  #handlePmpAddress(address: string): void {
    this.#pmpAddress = isPublic({ outsideAddress: address, outsidePort: 1 }) ? address : '';
    const holder = this.#holder;
    if (holder?.protocol !== 'nat-pmp' || holder.outsideAddress === address || this.#pmpAddress === '')
      return;
    holder.outsideAddress = address;
    this.#announce();
  }

  #handleGrant(mapping: Mapping, nowMs: number): void {
    if (mapping.lifetimeS === 0 || mapping.outsidePort === 0) return;
    this.#granted.set(mapping.protocol, mapping.outsidePort);
    if (isPublic(mapping)) this.#take(mapping, nowMs);
  }

  /** The first that maps the port stays; what another one granted meanwhile is deleted with it. */
  #take(mapping: Mapping, nowMs: number): void {
    const before = this.#holder;
    if (before !== null && before.protocol !== mapping.protocol) return;
    const lifetimeMs = Math.min(mapping.lifetimeS, MAX_LIFETIME_S) * 1000;
    this.#phase = 'mapped';
    this.#holder = {
      ...mapping,
      renewedAt: nowMs,
      expiresAt: nowMs + lifetimeMs,
      renewAt: nowMs + Math.max(LEAST_RENEWAL_MS, lifetimeMs / 2),
    };
    const isSame =
      before?.outsideAddress === mapping.outsideAddress && before.outsidePort === mapping.outsidePort;
    if (!isSame) this.#announce();
  }

  #announce(): void {
    const { protocol, outsideAddress, outsidePort } = this.#holder!;
    const address = formatAddressPort({ address: outsideAddress, port: outsidePort });
    this.#outputs.push({ type: 'mapped', protocol, address });
  }
}

/** Behind a second NAT the outside address of the first is private, and a mapping there lets nobody in. */
function isPublic({ outsideAddress, outsidePort }: Pick<Mapping, 'outsideAddress' | 'outsidePort'>): boolean {
  return mayCheck(formatAddressPort({ address: outsideAddress, port: outsidePort }), []);
}
