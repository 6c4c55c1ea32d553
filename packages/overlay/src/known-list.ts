import type { CertifiedDevice, IndexEpoch, RevokedDevices } from '@overcall/identity';
import { type ListedNode, ListedNodes } from './listed-nodes.ts';

/** What a supernode needs to know of the newest signed supernode list. */
export interface ListFacts {
  version: number;
  /** On the clock of `nowMs`. */
  expiresAtMs: number;
  revokedDevices: RevokedDevices;
  /** Whether the list names this supernode. */
  isListed: boolean;
  supernodes?: readonly ListedNode[];
  /** Epochs of the presence index. */
  index?: readonly IndexEpoch[];
}

/** The newest list, made to be asked about each attach. */
export class KnownList {
  readonly version: number;
  readonly isListed: boolean;
  readonly nodes: ListedNodes;
  readonly #expiresAtMs: number;
  readonly #revoked: RevokedDevices;

  constructor({ version, isListed, expiresAtMs, revokedDevices, supernodes = [], index = [] }: ListFacts) {
    this.version = version;
    this.isListed = isListed;
    this.nodes = new ListedNodes(supernodes, index);
    this.#expiresAtMs = expiresAtMs;
    this.#revoked = revokedDevices;
  }

  isRevoked(who: Pick<CertifiedDevice, 'identityKeyId' | 'deviceId'>): boolean {
    return this.#revoked.has(who);
  }

  isExpired(nowMs: number): boolean {
    return nowMs >= this.#expiresAtMs;
  }
}
