import { type CertifiedDevice, RevokedDevices } from '@overcall/identity';
import type { ClientMessage, LinkMessage, SupernodeMessage } from '@overcall/wire';
import { addressPolicy } from './address-policy.ts';
import type { AttachGateLimits } from './attach/attach-gate.ts';
import type { ControlOutput, RelayTicket } from './control-context.ts';
import { type ControlLimits, DEFAULT_CONTROL_LIMITS } from './control-limits.ts';
import { ControlPlane } from './control-plane.ts';
import { HopNeighbours } from './hop-neighbours.ts';
import type { ListFacts } from './known-list.ts';
import { DEFAULT_RELAY_LIMITS, neighbourRate, type RelayLimits } from './relay-limits.ts';
import { RelayTable } from './relay-table.ts';

export const id22 = (letter: string) => letter.repeat(21).concat('A');
export const id43 = (letter: string) => letter.repeat(43);
export const CALL = id22('c');
export const CHAIN = { user: 'a.b.c', device: 'a.b.c' };

export function person(name: string): { who: CertifiedDevice; endpoint: string } {
  const letter = name[0]!;
  const key = { kty: 'OKP' as const, crv: 'Ed25519' as const, x: id43(letter) };
  return {
    who: {
      name,
      identityKey: key,
      identityKeyId: id43(letter),
      deviceKey: key,
      deviceId: id43(letter.toUpperCase()),
      agreementKey: id43(letter),
      expiresAt: 0,
    },
    endpoint: id22(letter),
  };
}

/** A supernode on a virtual clock whose softphones are lists of messages. Signatures count as checked. */
export class World {
  nowMs = 0;
  readonly id: string;
  readonly plane: ControlPlane;
  readonly relay: RelayTable<RelayTicket>;
  readonly sent = new Map<number, SupernodeMessage[]>();
  readonly closed = new Set<number>();
  readonly checks: ControlOutput[] = [];
  /** For other supernodes, in order. */
  readonly linked: { to: string; message: LinkMessage }[] = [];
  /** Supernodes that it takes for dead. */
  readonly dead = new Set<string>();
  /** Bytes that wait for each connection. */
  readonly backlog = new Map<number, number>();

  constructor(
    options: {
      supernode?: string;
      limits?: Partial<ControlLimits>;
      maxAttachments?: number;
      relay?: Partial<RelayLimits>;
      attachGate?: AttachGateLimits;
      hmacSha256?: (key: Uint8Array, bytes: Uint8Array) => Uint8Array;
    } = {},
  ) {
    this.id = options.supernode ?? id43('s');
    let random = 0;
    const randomBytes = (length: number) => new Uint8Array(length).fill(++random);
    this.relay = new RelayTable<RelayTicket>({
      limits: { ...DEFAULT_RELAY_LIMITS, ...options.relay },
      crypto: {
        hmacSha256: options.hmacSha256 ?? ((_key, bytes) => new Uint8Array(32).fill(bytes.at(-1)!)),
        randomBytes,
      },
      mayRelayTo: addressPolicy(),
      nowMs: 0,
    });
    this.plane = new ControlPlane({
      supernode: this.id,
      udp: ['192.0.2.1:443'],
      relay: this.relay,
      neighbours: new HopNeighbours({
        me: this.id,
        socketFor: () => 0,
        mayRelayTo: addressPolicy(),
        bytes: neighbourRate(DEFAULT_RELAY_LIMITS.totalBytes),
      }),
      limits: { ...DEFAULT_CONTROL_LIMITS, ...options.limits },
      maxAttachments: options.maxAttachments ?? 100,
      ...(options.attachGate === undefined ? {} : { attachGate: options.attachGate }),
      isAlive: (id) => !this.dead.has(id),
      versions: [1],
      randomBytes,
      canonicalName: (name) => (name.includes(' ') ? null : name.toLowerCase()),
      backlogBytes: (connection) => this.backlog.get(connection) ?? 0,
    });
  }

  follow(outputs: ControlOutput[]): void {
    for (const output of outputs) {
      if (output.kind === 'send')
        this.sent.set(output.connection, [...this.messages(output.connection), output.message]);
      else if (output.kind === 'close') this.closed.add(output.connection);
      else if (output.kind === 'link') this.linked.push({ to: output.to, message: output.message });
      else this.checks.push(output);
    }
  }

  messages(connection: number): SupernodeMessage[] {
    return this.sent.get(connection) ?? [];
  }

  last(connection: number): SupernodeMessage | undefined {
    return this.messages(connection).at(-1);
  }

  connect(): number {
    const { connection, outputs } = this.plane.connect(this.nowMs);
    this.follow(outputs);
    return connection;
  }

  say(connection: number, message: ClientMessage | string): void {
    const text = typeof message === 'string' ? message : JSON.stringify(message);
    this.follow(this.plane.handleMessage(connection, text, this.nowMs));
  }

  attach(name: string, expiresAtMs = 1e9): number {
    const connection = this.connect();
    this.say(connection, { t: 'attach', chain: CHAIN, proof: 'p.r.f' });
    this.finishAttach(connection, name, expiresAtMs);
    return connection;
  }

  finishAttach(connection: number, name: string, expiresAtMs = 1e9, endpoint = person(name).endpoint): void {
    const device = { ...person(name), endpoint, chain: CHAIN, clientNonce: id22('n'), version: 1 };
    const checked = { ok: { device, receipt: 'r.c.t', expiresAtMs } };
    this.follow(this.plane.handleAttachChecked(connection, checked, this.nowMs));
  }

  list(changes: Partial<ListFacts> = {}): void {
    const facts = {
      version: 7,
      expiresAtMs: 1e9,
      revokedDevices: new RevokedDevices(),
      isListed: true,
      ...changes,
    };
    this.follow(this.plane.handleList(facts, this.nowMs));
  }

  present(
    connection: number,
    name: string,
    changes: { seq?: number; accepts?: boolean; expiresAtMs?: number } = {},
  ): void {
    const { who, endpoint } = person(name);
    this.say(connection, { t: 'present', record: 'r.e.c' });
    const presence = {
      name,
      device: who.deviceId,
      endpoint,
      seq: 1,
      accepts: true,
      expiresAtMs: this.nowMs + 600_000,
      supernodes: [this.id],
      chain: CHAIN,
      record: 'r.e.c',
      ...changes,
    };
    this.follow(this.plane.handlePresenceChecked(connection, { ok: presence }, this.nowMs));
  }

  lookup(connection: number, name: string): SupernodeMessage | undefined {
    this.say(connection, { t: 'lookup', id: 1, name });
    return this.last(connection);
  }

  wait(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const dueMs = this.plane.nextDeadline;
      if (dueMs === null || dueMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, dueMs);
      this.follow(this.plane.handleTimeout(this.nowMs));
    }
    this.nowMs = endMs;
  }
}

export const signalTo = (name: string, body = 'AgAA'): ClientMessage => {
  const { who, endpoint } = person(name);
  return { t: 'signal', to: { device: who.deviceId, endpoint }, callId: CALL, body };
};
export const revokedDevicesOf = (name: string) => {
  const { identityKeyId, deviceId } = person(name).who;
  return new RevokedDevices([{ identity: identityKeyId, device: deviceId }]);
};
export const relayOpen = (
  id: number,
  peer: string,
  receiveFlow: number,
  sendFlow: number,
): ClientMessage => ({
  t: 'relay-open',
  id,
  peer: person(peer).who.identityKeyId,
  receiveFlow,
  sendFlow,
});
