import { type CallKeys, PacketOpener, PacketSealer } from '@overcall/session';
import {
  asCallMessage,
  type CallMessage,
  type SealedBody,
  SignalType,
  writeSignalBody,
} from '@overcall/wire';
import type { CallContext, CallId, Purpose, ReadyLeg, SignalOrigin } from './call-types.ts';

const ASSOCIATED_DATA = new Uint8Array([SignalType.Sealed]);

/** Signalling with one endpoint under the final keys of the handshake: ordered, each message at most once. */
export class SecureLeg {
  readonly ready: Omit<ReadyLeg, 'purpose'>;
  readonly origin: SignalOrigin;
  readonly #context: CallContext;
  readonly #sealer: PacketSealer;
  readonly #opener: PacketOpener;
  #highestCounter = -1;

  constructor(
    context: CallContext,
    origin: SignalOrigin,
    leg: Omit<ReadyLeg, 'legId' | 'supernode' | 'purpose'> & { callId: CallId; keys: CallKeys },
  ) {
    this.#context = context;
    this.origin = origin;
    this.ready = { ...leg, legId: context.newLegId(), supernode: origin.supernode };
    this.#sealer = new PacketSealer(context.crypto, leg.keys.send.signal);
    this.#opener = new PacketOpener(context.crypto, leg.keys.receive.signal);
  }

  send(message: CallMessage): void {
    const plaintext = new TextEncoder().encode(JSON.stringify(message));
    const { counter, sealed } = this.#sealer.seal(plaintext, ASSOCIATED_DATA);
    this.#context.emit({
      type: 'signal',
      supernode: this.origin.supernode,
      to: { device: this.origin.device, endpoint: this.origin.endpoint },
      callId: this.ready.callId,
      body: writeSignalBody({ type: SignalType.Sealed, counter: BigInt(counter), sealed }),
    });
  }

  /** The message inside; null when it is forged, replayed, out of order or unknown. */
  open(body: SealedBody): CallMessage | null {
    const counter = Number(body.counter);
    if (!Number.isSafeInteger(counter)) return null;
    const plaintext = this.#opener.open(counter, body.sealed, ASSOCIATED_DATA);
    if (plaintext === null || counter <= this.#highestCounter) return null;
    this.#highestCounter = counter;
    try {
      return asCallMessage(JSON.parse(new TextDecoder().decode(plaintext)));
    } catch {
      return null;
    }
  }

  /** What the peer says about its addresses goes to the paths of this leg. */
  passOn({ t: _, ...message }: Extract<CallMessage, { t: 'candidates' }>): void {
    this.#context.emit({ type: 'told', legId: this.ready.legId, message });
  }

  /** Tells the driver to open a relay and keep the path warm. */
  announce(purpose: Purpose): void {
    this.#context.emit({ type: 'leg-ready', ...this.ready, purpose });
  }

  talk(): void {
    this.#context.emit({ type: 'talk', callId: this.ready.callId, legId: this.ready.legId });
  }

  close(bye: boolean): void {
    this.#context.emit({ type: 'leg-closed', legId: this.ready.legId, bye });
  }
}
