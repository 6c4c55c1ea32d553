import { randomBytes } from 'node:crypto';
import { canonicalUsername } from '@overcall/identity';
import { addressPolicy, CONTROL_VERSIONS, ControlPlane, DEFAULT_CONTROL_LIMITS } from '@overcall/overlay';
import type { Logger } from 'pino';
import { ControlDriver } from './control-driver.ts';
import type { KnownList, ListUse } from './directory-link.ts';
import type { SupernodeOptions } from './options.ts';
import { OverlayDriver } from './overlay-driver.ts';
import type { OwnIdentity } from './own-identity.ts';
import type { Relaying } from './relaying.ts';
import type { Standing } from './standing.ts';

export interface SignallingOptions {
  identity: OwnIdentity;
  options: SupernodeOptions;
  /** How others reach it; filled once the sockets are open. */
  publicUdp: string[];
  relaying: Relaying;
  standing: Standing;
  log: Logger;
}

/** What a supernode says and is told: softphones by the control plane, other supernodes by the overlay. */
export class Signalling {
  readonly plane: ControlPlane;
  readonly overlay: OverlayDriver;
  readonly controlDriver: ControlDriver;

  constructor(parts: SignallingOptions) {
    this.plane = this.#newPlane(parts);
    this.overlay = this.#newOverlay(parts);
    const { identity, options, relaying, standing, log } = parts;
    this.controlDriver = new ControlDriver({
      plane: this.plane,
      key: identity.key,
      id: identity.id,
      trust: () => standing.trust,
      access: relaying.access,
      tap: options.taps?.signal,
      datagrams: relaying.udpDriver.streams.server,
      overlay: this.overlay,
      dialBacks: standing.dialBack.endpoint,
      log,
    });
  }

  #newPlane({ identity, publicUdp, relaying }: SignallingOptions): ControlPlane {
    return new ControlPlane({
      supernode: identity.id,
      udp: publicUdp,
      relay: relaying.table,
      neighbours: relaying.neighbours,
      limits: DEFAULT_CONTROL_LIMITS,
      maxAttachments: relaying.capacity.softphones,
      isAlive: (supernode) => this.overlay.links.links.isAlive(supernode),
      load: () => relaying.load,
      versions: CONTROL_VERSIONS,
      randomBytes,
      canonicalName,
      backlogBytes: (connection) => this.controlDriver.backlogBytes(connection),
    });
  }

  #newOverlay({ identity, options, publicUdp, relaying, standing, log }: SignallingOptions): OverlayDriver {
    return new OverlayDriver({
      key: identity.key,
      id: identity.id,
      mayDial: addressPolicy(options.allowNets),
      families: () => familiesOf(publicUdp),
      sendUdp: (datagram, to) => relaying.udpDriver.sendToSupernode(datagram, to),
      onMessage: (from, message) => this.controlDriver.handleLinkMessage(from, message),
      onFailed: (to, message, code) => this.controlDriver.handleLinkFailed(to, message, code),
      onMeasurements: (connection, requestId, links) =>
        this.controlDriver.answerMeasurements(connection, requestId, links),
      onNewerList: async (token) => (await standing.link?.offer(token)) ?? false,
      // It is asked again twice a minute anyway.
      askForList: async () => standing.link?.refresh().catch(() => {}),
      log,
    });
  }

  handleList(use: ListUse, list: KnownList): void {
    this.controlDriver.handleList(use);
    this.overlay.handleList(list);
  }

  async close(): Promise<void> {
    this.overlay.close();
    await this.controlDriver.close();
  }
}

function familiesOf(addresses: readonly string[]): { ipv4: boolean; ipv6: boolean } {
  const isIpv6 = (text: string) => text.startsWith('[');
  return { ipv4: !addresses.every(isIpv6), ipv6: addresses.some(isIpv6) };
}

function canonicalName(name: string): string | null {
  try {
    return canonicalUsername(name);
  } catch {
    return null;
  }
}
