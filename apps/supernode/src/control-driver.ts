import {
  ATTACH_RECEIPT_LIFETIME_S,
  AttachReceipt,
  type CertifiedDevice,
  type DirectoryTrust,
  type RevokedDevices,
  type SigningPrivateKey,
  signObject,
} from '@overcall/identity';
import {
  type ControlConnection,
  ControlServer,
  type DatagramServer,
  DeadlineTimer,
  type DialBackEndpoint,
  monotonicMs,
} from '@overcall/net';
import {
  type AccessRules,
  type AttachAttempt,
  type AttachedDevice,
  type Attachment,
  attachedUntilMs,
  type Checked,
  ConnectionGate,
  type ControlOutput,
  type ControlPlane,
  checkAttach,
  checkPresence,
  checkRecord,
  type LinkFailure,
  PrefixLimiter,
  type Presence,
  type Refused,
} from '@overcall/overlay';
import type { LinkMessage } from '@overcall/wire';
import type { Logger } from 'pino';
import type { ListUse } from './directory-link.ts';
import type { Taps } from './options.ts';
import type { OverlayDriver } from './overlay-driver.ts';

/** Requests for the supernode list, which may be long; a softphone wants it once for each version. */
const LIST_LIMITS = { perPrefix: { perSecond: 1, burst: 60 }, all: { perSecond: 100, burst: 300 } };

/** What signature checks need to know; the list changes while running. */
export interface TrustContext {
  directory: DirectoryTrust;
  revokedDevices: RevokedDevices;
}

/** Runs the control plane on WebSockets: moves messages, checks signatures, keeps its one timer. */
export class ControlDriver {
  readonly server: ControlServer;
  readonly #plane: ControlPlane;
  readonly #connections = new Map<number, ControlConnection>();
  readonly #gate = new ConnectionGate(monotonicMs());
  readonly #timer = new DeadlineTimer(() => this.#follow(this.#plane.handleTimeout(monotonicMs())));
  readonly #key: SigningPrivateKey;
  readonly #id: string;
  readonly #trust: () => TrustContext | null;
  readonly #access: AccessRules;
  readonly #tap: Taps['signal'];
  readonly #overlay: OverlayDriver;
  readonly #log: Logger;

  constructor(options: {
    plane: ControlPlane;
    key: SigningPrivateKey;
    id: string;
    /** Null until the first supernode list is there. */
    trust: () => TrustContext | null;
    access: AccessRules;
    tap: Taps['signal'];
    /** Datagrams over TCP, on the same port. */
    datagrams: DatagramServer;
    /** Links of other supernodes, on the same port, and what they know. */
    overlay: OverlayDriver;
    /** Dial-back, likewise. */
    dialBacks: DialBackEndpoint;
    log: Logger;
  }) {
    this.#plane = options.plane;
    this.#key = options.key;
    this.#id = options.id;
    this.#trust = options.trust;
    this.#access = options.access;
    this.#tap = options.tap;
    this.#overlay = options.overlay;
    this.#log = options.log;
    const listLimiter = new PrefixLimiter(LIST_LIMITS, monotonicMs());
    this.server = new ControlServer({
      onConnection: (socket) => this.#accept(socket),
      admitConnection: (address) => this.#gate.admit(address, monotonicMs()),
      admitListRequest: (address) => listLimiter.take(address, monotonicMs()),
      datagrams: options.datagrams,
      links: options.overlay.links.server,
      dialBacks: options.dialBacks,
    });
  }

  handleList({ token, expiresAtMs, nodes, hosts, ...facts }: ListUse): void {
    this.server.setList(token);
    this.#gate.handleList(hosts);
    const list = { ...facts, supernodes: nodes, expiresAtMs: toMonotonic(expiresAtMs) };
    this.#follow(this.#plane.handleList(list, monotonicMs()));
  }

  /** Takes nobody new and asks everybody to go elsewhere. */
  drain(): void {
    this.#follow(this.#plane.drain(monotonicMs()));
  }

  /** The operator's rules have changed: who may not use this supernode any more is detached. */
  handleAccess(): void {
    this.#follow(
      this.#plane.detach(({ connection, who }) => this.#refusedAddress(connection) ?? this.#refusedUser(who)),
    );
  }

  #refusedAddress(connection: number): Refused | null {
    const address = this.#connections.get(connection)?.address ?? '';
    if (this.#access.mayComeFrom(address)) return null;
    return { code: 'refused-address', message: 'this supernode takes no softphones from this network' };
  }

  #refusedUser(who: CertifiedDevice): Refused | null {
    if (this.#access.mayAttach(who)) return null;
    return { code: 'not-allowed', message: 'the operator of this supernode does not let this user use it' };
  }

  /** From another supernode that has proven its key. */
  handleLinkMessage(from: string, message: LinkMessage): void {
    this.#follow(this.#plane.handleLinkMessage(from, message, monotonicMs()));
  }

  handleLinkFailed(to: string, message: LinkMessage, code: LinkFailure): void {
    this.#follow(this.#plane.handleLinkFailed(to, message, code));
  }

  answerMeasurements(connection: number, id: number, links: [number, number, number, number][]): void {
    this.#send({ kind: 'send', connection, message: { t: 'measurements-result', id, links } });
  }

  /** Bytes that wait to be sent on a control connection. */
  backlogBytes(connection: number): number {
    return this.#connections.get(connection)?.backlogBytes ?? 0;
  }

  async close(): Promise<void> {
    this.#timer.set(null);
    await this.server.close();
    this.#timer.set(null);
  }

  #accept(socket: ControlConnection): { onText(text: string): void; onClose(): void } {
    const { connection, outputs } = this.#plane.connect(monotonicMs());
    this.#connections.set(connection, socket);
    this.#follow(outputs);
    return {
      onText: (text) => this.#follow(this.#plane.handleMessage(connection, text, monotonicMs())),
      onClose: () => {
        this.#connections.delete(connection);
        this.#plane.handleDisconnect(connection);
      },
    };
  }

  #follow(outputs: ControlOutput[]): void {
    for (const output of outputs) {
      switch (output.kind) {
        case 'send':
          this.#send(output);
          break;
        case 'close':
          this.#connections.get(output.connection)?.close();
          break;
        case 'link':
          this.#overlay.links.deliver(output.to, output.message);
          break;
        case 'ask-measurements':
          this.#overlay.askMeasurements(output.connection, output.id, output.supernodes);
          break;
        case 'check-records':
          void this.#checkRecords(output);
          break;
        case 'check-attach':
          void this.#attach(output.connection, output.attempt);
          break;
        case 'check-presence':
          void this.#present(output.connection, output.record, output.attachment);
          break;
      }
    }
    this.#timer.set(this.#plane.nextDeadline);
  }

  #send({ connection, message }: Extract<ControlOutput, { kind: 'send' }>): void {
    const messages = this.#tap && message.t === 'signal' ? this.#tap(message) : [message];
    for (const out of messages) this.#connections.get(connection)?.send(out);
  }

  async #attach(connection: number, attempt: AttachAttempt): Promise<void> {
    const checked = await this.#guarded(() => this.#checkAttach(connection, attempt));
    // The rules of now: others may have come while signatures were checked.
    const refused = 'ok' in checked ? this.#refusedUser(checked.ok.device.who) : null;
    this.#follow(this.#plane.handleAttachChecked(connection, refused ?? checked, monotonicMs()));
  }

  async #checkAttach(
    connection: number,
    attempt: AttachAttempt,
  ): Promise<Checked<{ device: AttachedDevice; receipt: string; expiresAtMs: number }>> {
    // Before its signatures cost anything; softphones hear refusals of their attach only.
    const refusedAddress = this.#refusedAddress(connection);
    if (refusedAddress !== null) return refusedAddress;
    const trust = this.#trust();
    if (trust === null) return { code: 'not-ready', message: 'the supernode is still starting' };
    const { directory, revokedDevices } = trust;
    const nowMs = Date.now();
    const checked = await checkAttach(attempt, { directory, supernode: this.#id, revokedDevices, nowMs });
    if (!('ok' in checked)) return checked;
    const { who, endpoint, clientNonce, version } = checked.ok;
    const claims = { iss: this.#id, name: who.name, device: who.deviceId, endpoint, clientNonce, version };
    const receipt = await signObject(AttachReceipt, claims, this.#key, {
      audience: directory.keyId,
      nowMs,
      lifetimeS: ATTACH_RECEIPT_LIFETIME_S,
    });
    return { ok: { device: checked.ok, receipt, expiresAtMs: toMonotonic(attachedUntilMs(who)) } };
  }

  async #present(connection: number, record: string, attachment: Attachment): Promise<void> {
    // An attached softphone was checked with it, so it is there.
    const { directory } = this.#trust()!;
    const checked = await this.#guarded(() =>
      checkPresence(record, { attachment, directory, supernode: this.#id, nowMs: Date.now() }),
    );
    const presence =
      'ok' in checked ? { ok: { ...checked.ok, expiresAtMs: toMonotonic(checked.ok.expiresAtMs) } } : checked;
    this.#follow(this.#plane.handlePresenceChecked(connection, presence, monotonicMs()));
  }

  async #checkRecords({ check, records }: Extract<ControlOutput, { kind: 'check-records' }>): Promise<void> {
    const trust = this.#trust();
    const checked = trust
      ? await Promise.all(
          records.map((each) =>
            this.#guardedRecord(() => checkRecord(each, { ...trust, nowMs: Date.now() })),
          ),
        )
      : [];
    const valid = checked
      .filter((each) => each !== null)
      .map((each) => ({ ...each, expiresAtMs: toMonotonic(each.expiresAtMs) }));
    this.#follow(this.#plane.handleRecordsChecked(check, valid, monotonicMs()));
  }

  async #guardedRecord(check: () => Promise<Presence | null>): Promise<Presence | null> {
    const checked = await this.#guarded(async () => {
      const ok = await check();
      return ok === null ? { code: 'index-invalid', message: '' } : { ok };
    });
    return 'ok' in checked ? checked.ok : null;
  }

  /** A fault of our own while checking must not end the process; the softphone is told and may try again. */
  async #guarded<T>(check: () => Promise<Checked<T>>): Promise<Checked<T>> {
    try {
      return await check();
    } catch (error) {
      this.#log.error({ err: error }, 'checking a signature failed');
      return { code: 'internal', message: 'the supernode failed; try again' };
    }
  }
}

/** A date (ms since 1970) on the clock of {@link monotonicMs}. */
function toMonotonic(dateMs: number): number {
  return dateMs - Date.now() + monotonicMs();
}
