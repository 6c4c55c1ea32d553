import type { Phone } from '@overcall/call';
import { monotonicMs } from '@overcall/net';
import type { Endpoint } from '@overcall/wire';
import type { AttachmentHandlers } from './attachment.ts';
import type { BorrowedSupernodes } from './borrowed-supernodes.ts';
import { SignalRouter } from './signal-router.ts';
import type { SupernodePool } from './supernode-pool.ts';

/** A supernode of a peer whom ours do not reach is kept for so long, ms: a call rings for a minute. */
const VISIT_MS = 90_000;

export interface SignalsOptions {
  pool: SupernodePool;
  borrowed: BorrowedSupernodes;
  act(verb: (phone: Phone, nowMs: number) => void): void;
  /** Whether we may go to the supernodes of whoever is called. */
  mayVisit(callId: string): boolean;
}

/** Signals from and to other softphones, as the messages of supernodes that carry them. */
export class Signals {
  readonly #options: SignalsOptions;
  readonly #router: SignalRouter;

  constructor(options: SignalsOptions) {
    this.#options = options;
    const { pool, act, mayVisit } = options;
    this.#router = new SignalRouter({
      mine: () => pool.all.map(({ supernodeId }) => supernodeId),
      send: (at, { to, supernode, callId, body }) => {
        const signal = { t: 'signal' as const, to, callId, body: Buffer.from(body).toString('base64url') };
        pool.get(at)?.send(at === supernode ? signal : { ...signal, supernode });
      },
      visit: (supernode) => this.#visit(supernode),
      mayVisit,
      onUndeliverable: (to, callId) => act((phone, nowMs) => phone.handleUndeliverable(to, callId, nowMs)),
      now: monotonicMs,
    });
  }

  async #visit(supernode: string): Promise<boolean> {
    const { borrowed } = this.#options;
    const isThere = (await borrowed.borrow(supernode)) !== null;
    setTimeout(() => borrowed.giveBack(supernode), VISIT_MS).unref();
    return isThere;
  }

  send(signal: { to: Endpoint; supernodes: readonly string[]; callId: string; body: Uint8Array }): void {
    this.#router.send(signal);
  }

  readonly handleSignal: AttachmentHandlers['onSignal'] = ({ supernodeId }, { from, callId, body }) => {
    const bytes = new Uint8Array(Buffer.from(body, 'base64url'));
    this.#options.act((phone, nowMs) =>
      phone.handleSignal({ supernode: supernodeId, ...from }, callId, bytes, nowMs),
    );
  };

  readonly handleUndeliverable: AttachmentHandlers['onUndeliverable'] = (
    { supernodeId },
    { to, callId, supernode },
  ) => this.#router.handleFailed(supernodeId, to, callId, supernode);
}
