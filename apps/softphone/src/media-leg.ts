import { MediaSession, type ReadyLeg } from '@overcall/call';
import type { Logger } from '@overcall/cli';
import { DeadlineTimer } from '@overcall/net';
import type { SessionCrypto } from '@overcall/session';
import { parseAddressPort } from '@overcall/traversal';
import { fromBase64Url, OvercallError } from '@overcall/wire';
import type { Attachment } from './attachment.ts';

/** A relay is asked for this often, this far apart, ms. */
const RELAY_ATTEMPTS = 5;
const RELAY_RETRY_MS = 1000;

export interface MediaLegHandlers {
  /** The control connection to the supernode of this leg, while there is one. */
  attachment(): Attachment | undefined;
  send(to: string, datagram: Uint8Array): void;
  /** Whether there is a socket for addresses of this kind (IPv4, IPv6). */
  canReach(address: string): boolean;
  onAudio(frameLow: number, opus: Uint8Array): void;
  onPath(path: { relayAddress: string; rttMs: number | null }): void;
  onEnded(reason: 'failed' | 'remote-hangup'): void;
  now(): number;
}

/** Runs the media session of one leg: its timer, its datagrams, its relay. */
export class MediaLeg {
  readonly leg: ReadyLeg;
  readonly session: MediaSession;
  supernodeName = '';
  readonly #handlers: MediaLegHandlers;
  readonly #timer = new DeadlineTimer(() => {
    this.session.handleTimeout(this.#handlers.now());
    this.pump();
  });
  readonly #log: Logger;
  #closed = false;
  /** `ip:port` of the relay once it is ours. */
  relayAddress: string | null = null;

  constructor(leg: ReadyLeg, crypto: SessionCrypto, handlers: MediaLegHandlers, log: Logger) {
    this.leg = leg;
    this.#handlers = handlers;
    this.session = new MediaSession({ crypto, ...leg, nowMs: handlers.now() });
    this.#log = log;
    void this.#findRelay();
  }

  /** Asks again when the control connection breaks meanwhile; it is made anew in the background. */
  async #findRelay(): Promise<void> {
    for (let attempt = 1; attempt <= RELAY_ATTEMPTS && !this.#closed; attempt++) {
      try {
        return await this.#openRelay();
      } catch (error) {
        this.#log.warn({ callId: this.leg.callId, error: String(error) }, 'no relay for this call');
        await new Promise((resolve) => setTimeout(resolve, RELAY_RETRY_MS));
      }
    }
  }

  async #openRelay(): Promise<void> {
    const attachment = this.#handlers.attachment();
    if (attachment === undefined)
      throw new OvercallError('supernode-unreachable', 'not attached to its supernode');
    this.supernodeName = attachment.entry.name;
    const { bindKey } = await attachment.openRelay({
      peer: this.leg.peer.identityKeyId,
      receiveFlow: this.leg.receiveFlow,
      sendFlow: this.leg.sendFlow,
    });
    const key = fromBase64Url(bindKey);
    // Only the addresses that the directory signed: a supernode's own word could point us at anybody.
    const reachable = attachment.entry.udp.filter((text) => {
      const address = parseAddressPort(text)?.address;
      return address !== undefined && this.#handlers.canReach(address);
    });
    const relayAddress = reachable.find((address) => !address.startsWith('[')) ?? reachable[0];
    if (this.#closed || key === null) return;
    if (relayAddress === undefined) {
      throw new OvercallError(
        'supernode-unreachable',
        'no address of the relay is of a kind that this machine has',
      );
    }
    this.relayAddress = relayAddress;
    this.session.useRelay({ relayAddress, bindKey: key }, this.#handlers.now());
    this.pump();
  }

  /** Its supernode is back: it may have forgotten the relay. */
  reopenRelay(): void {
    if (!this.#closed && this.relayAddress !== null) void this.#findRelay();
  }

  /** Whether a datagram belongs to this leg: media comes on our flow id, bind answers on the peer's. */
  owns(flowId: number, isMedia: boolean): boolean {
    return flowId === (isMedia ? this.leg.receiveFlow : this.leg.sendFlow);
  }

  handleDatagram(from: string, datagram: Uint8Array): void {
    this.session.handleDatagram(from, datagram, this.#handlers.now());
    this.pump();
  }

  startTalking(): void {
    this.session.startTalking(this.#handlers.now());
    this.pump();
  }

  sendAudio(frameNumber: number, opus: Uint8Array): void {
    this.session.sendAudio(frameNumber, opus);
    this.pump();
  }

  /** Carries out what the session asks for and sets its timer. */
  pump(): void {
    for (const output of this.session.poll()) {
      if (output.type === 'send') this.#handlers.send(output.to, output.datagram);
      else if (output.type === 'audio') this.#handlers.onAudio(output.frameLow, output.opus);
      else if (output.type === 'path') this.#handlers.onPath(output);
      else this.#handlers.onEnded(output.reason);
    }
    const { deadline } = this.session;
    this.#timer.set(deadline === Number.POSITIVE_INFINITY ? null : deadline);
  }

  /** Ends the leg; resolves when its byes are out. */
  async close(bye: boolean): Promise<void> {
    this.#closed = true;
    this.session.close(bye, this.#handlers.now());
    this.pump();
    while (!this.session.isOver) await new Promise((resolve) => setTimeout(resolve, 5));
    this.#timer.set(null);
  }
}
