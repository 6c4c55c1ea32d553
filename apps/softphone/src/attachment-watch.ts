import { randomBytes } from 'node:crypto';
import { type ProbeOutput, type ProbeTransport, RelayProbe } from '@overcall/call';
import type { Logger } from '@overcall/cli';
import { DeadlineTimer, monotonicMs } from '@overcall/net';
import { ControlVigil } from '@overcall/overlay';
import { parseAddressPort } from '@overcall/traversal';
import { fromBase64Url } from '@overcall/wire';
import type { Attachment } from './attachment.ts';
import { DatagramStream } from './datagram-stream.ts';

/** This machine's UDP sockets. */
export interface ProbeNetwork {
  /** The socket for addresses of this kind (IPv4, IPv6); null when there is none. */
  socketFor(address: string): number | null;
  send(socket: number, to: string, datagram: Uint8Array): void;
}

export interface WatchHandlers {
  /** Whether probes come back through its relay. */
  onRelay(works: boolean, transport: ProbeTransport | null): void;
  onUnprovable(): void;
  /** It is silent for longer than usual, or no more. */
  onSuspect(isSuspect: boolean): void;
  /** The control connection does not answer any more. */
  onDead(): void;
}

/** The first address of these that this machine has a socket for, IPv4 before IPv6; null when there is none. */
export function reachableAddress(
  addresses: readonly string[],
  network: Pick<ProbeNetwork, 'socketFor'>,
): { address: string; socket: number } | null {
  const reachable = addresses.flatMap((address) => {
    const ip = parseAddressPort(address)?.address;
    const socket = ip === undefined ? null : network.socketFor(ip);
    return socket === null ? [] : [{ address, socket }];
  });
  return reachable.find(({ address }) => !address.startsWith('[')) ?? reachable[0] ?? null;
}

/** Watches one attached supernode: pings its control connection, probes its relay. */
export class AttachmentWatch {
  readonly #attachment: Attachment;
  readonly #network: ProbeNetwork;
  readonly #handlers: WatchHandlers;
  readonly #probe: RelayProbe;
  readonly #vigil: ControlVigil;
  readonly #stream: DatagramStream;
  readonly #udp: { address: string; socket: number } | null;
  readonly #timer = new DeadlineTimer(() => this.#act());
  #isProbeSuspect = false;
  #wasSuspect = false;
  #isInUse = false;
  #isDoubted = false;
  #isClosed = false;

  constructor(attachment: Attachment, network: ProbeNetwork, handlers: WatchHandlers, log: Logger) {
    this.#attachment = attachment;
    this.#network = network;
    this.#handlers = handlers;
    const { entry, rttMs } = attachment;
    const nowMs = monotonicMs();
    this.#udp = reachableAddress(entry.udp, network);
    this.#probe = new RelayProbe({
      flow: randomBytes(4).readUInt32BE(),
      random: (bytes) => new Uint8Array(randomBytes(bytes)),
      hasUdp: this.#udp !== null,
      rttMs,
      nowMs,
    });
    this.#vigil = new ControlVigil(rttMs, nowMs);
    this.#stream = new DatagramStream(
      { address: entry.control[0]!, tlsSha256: entry.tlsSha256 },
      {
        onDatagram: (datagram) => this.#act(() => this.#probe.handleDatagram('tcp', datagram, monotonicMs())),
        onChange: (isOpen) => this.#act(() => this.#probe.handleStream(isOpen, monotonicMs())),
      },
      log,
    );
  }

  /** Begins. */
  start(): void {
    this.#act();
  }

  /** While a call uses its relay, the pings of the call's paths tell as much, unless one of them has fallen silent. */
  setInUse(isInUse: boolean): void {
    if (isInUse === this.#isInUse) return;
    this.#isInUse = isInUse;
    this.#isDoubted = false;
    this.#setProbing();
  }

  /** A path that begins here has fallen silent: probes, and a control ping, tell whether this supernode is to blame. */
  handleRouteDown(): void {
    if (!this.#isInUse || this.#isDoubted) return;
    this.#isDoubted = true;
    this.#vigil.handleDoubt(monotonicMs());
    this.#setProbing();
  }

  #setProbing(): void {
    this.#act(() => {
      const isNeeded = !this.#isInUse || this.#isDoubted;
      this.#probe.setNeeded(isNeeded, monotonicMs());
      if (this.#isDoubted) this.#probe.hurry(monotonicMs());
      if (!isNeeded) this.#isProbeSuspect = false;
      if (this.#isInUse) this.#vigil.isRelaxed = false;
    });
  }

  /** It said something. */
  handleHeard(): void {
    this.#act(() => this.#vigil.handleHeard(monotonicMs()));
  }

  /** This machine is in another network: old connections may lead nowhere. */
  handleDoubt(): void {
    this.#act(() => this.#vigil.handleDoubt(monotonicMs()));
  }

  /** A datagram that carries this flow id. */
  handleDatagram(flow: number, datagram: Uint8Array, from: string): boolean {
    if (flow !== this.#probe.flow || from !== this.#udp?.address) return false;
    this.#act(() => this.#probe.handleDatagram('udp', datagram, monotonicMs()));
    return true;
  }

  #act(verb: () => void = () => {}): void {
    if (this.#isClosed) return;
    verb();
    const nowMs = monotonicMs();
    this.#probe.handleTimeout(nowMs);
    for (const output of this.#probe.poll()) this.#carryOut(output);
    if (this.#vigil.handleTimeout(nowMs)) this.#attachment.ping();
    const state = this.#vigil.stateAt(nowMs);
    this.#tellSuspicion(this.#isProbeSuspect || state !== 'alive');
    if (state === 'dead') this.#handlers.onDead();
    if (!this.#isClosed) this.#timer.set(Math.min(this.#probe.deadline, this.#vigil.deadline));
  }

  #carryOut(output: ProbeOutput): void {
    switch (output.type) {
      case 'open':
        void this.#open();
        break;
      case 'send':
        if (output.transport === 'tcp') this.#stream.send(output.datagram);
        else if (this.#udp !== null) this.#network.send(this.#udp.socket, this.#udp.address, output.datagram);
        break;
      case 'stream':
        this.#stream.want(output.wanted);
        break;
      case 'suspect':
        this.#isProbeSuspect = true;
        this.#vigil.isRelaxed = false;
        this.#vigil.handleDoubt(monotonicMs());
        break;
      case 'works':
        this.#vigil.isRelaxed = !this.#isInUse;
        this.#isProbeSuspect = false;
        this.#isDoubted = false;
        this.#probe.setNeeded(!this.#isInUse, monotonicMs());
        this.#handlers.onRelay(true, output.transport);
        break;
      case 'fails':
        this.#handlers.onRelay(false, null);
        break;
      case 'unprovable':
        this.#handlers.onUnprovable();
    }
  }

  #tellSuspicion(isSuspect: boolean): void {
    if (isSuspect === this.#wasSuspect) return;
    this.#wasSuspect = isSuspect;
    this.#handlers.onSuspect(isSuspect);
  }

  async #open(): Promise<void> {
    try {
      const { bindKey } = await this.#attachment.openProbe(this.#probe.flow);
      const key = fromBase64Url(bindKey);
      if (key !== null) this.#act(() => this.#probe.handleOpened(key, monotonicMs()));
    } catch (error) {
      // No answer at all is for the probe itself to notice.
      if ((error as { code?: string }).code === 'supernode-unreachable') return;
      this.#act(() => this.#probe.handleRefused(monotonicMs()));
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#timer.set(null);
    this.#probe.close();
    this.#stream.want(false);
  }
}
