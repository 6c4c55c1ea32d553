import { randomBytes } from 'node:crypto';
import {
  type KeyId,
  LINK_PROOF_LIFETIME_S,
  LinkProof,
  type ListedSupernode,
  type SigningPrivateKey,
  signObject,
} from '@overcall/identity';
import {
  type AcceptedLink,
  connectLink,
  DeadlineTimer,
  type LinkConnection,
  type LinkHandlers,
  LinkServer,
  monotonicMs,
} from '@overcall/net';
import {
  checkJoin,
  type JoinedMessage,
  LINK_VERSIONS,
  type LinkFailure,
  type LinkOutput,
  Links,
} from '@overcall/overlay';
import type { LinkMessage } from '@overcall/wire';
import type { Logger } from 'pino';
import type { LinkTargets } from './link-targets.ts';

export interface LinkDriverOptions {
  key: SigningPrivateKey;
  id: string;
  targets: LinkTargets;
  onMessage(from: string, message: JoinedMessage): void;
  /** A message that was to be delivered did not leave. */
  onFailed(to: string, message: LinkMessage, code: LinkFailure): void;
  /** Somebody who is not in the list wanted a link. */
  onUnknown(): void;
  onUp(supernode: string): void;
  onDown(supernode: string): void;
  /** The supernodes of a newer list, without this one. */
  onList(others: ReadonlySet<string>): void;
  log: Logger;
}

/** Runs the links to other supernodes on WebSockets: moves messages, signs and checks proofs, keeps their one timer. */
export class LinkDriver {
  readonly server: LinkServer;
  readonly links: Links;
  readonly #options: LinkDriverOptions;
  readonly #connections = new Map<number, LinkConnection & { admit?: () => void }>();
  readonly #timer = new DeadlineTimer(() => this.#follow(this.links.handleTimeout(monotonicMs())));
  #closed = false;

  constructor(options: LinkDriverOptions) {
    this.#options = options;
    this.links = new Links(
      {
        supernode: options.id,
        randomBytes,
        random: Math.random,
        backlogBytes: (link) => this.#connections.get(link)?.backlogBytes ?? 0,
      },
      monotonicMs(),
    );
    this.server = new LinkServer({ onConnection: (connection) => this.#accept(connection) });
  }

  /** The supernodes of a newer list, by key id. */
  handleList(supernodes: ReadonlyMap<KeyId, ListedSupernode>): void {
    const { targets, id } = this.#options;
    targets.set(supernodes);
    const others = targets.ids;
    others.delete(id);
    if (this.#closed) return;
    this.#follow(this.links.handleList(others, monotonicMs()));
    this.#options.onList(others);
  }

  setWanted(wanted: ReadonlySet<string>): void {
    this.#follow(this.links.setWanted(wanted, monotonicMs()));
  }

  deliver(to: string, message: LinkMessage): void {
    this.#follow(this.links.deliver(to, message, monotonicMs()));
  }

  close(): void {
    this.#closed = true;
    this.#timer.set(null);
    for (const connection of this.#connections.values()) connection.close('normal');
    this.#connections.clear();
  }

  #accept(connection: AcceptedLink): LinkHandlers {
    const { link, outputs } = this.links.accept(monotonicMs());
    this.#connections.set(link, connection);
    this.#follow(outputs);
    return this.#handlers(link);
  }

  #handlers(link: number): LinkHandlers {
    return {
      onText: (text) => this.#follow(this.links.handleText(link, text, monotonicMs())),
      onClose: (how) => {
        this.#connections.delete(link);
        this.#follow(this.links.handleDisconnect(link, how, monotonicMs()));
      },
    };
  }

  #follow(outputs: LinkOutput[]): void {
    if (this.#closed) return;
    for (const output of outputs) this.#followOne(output);
    this.#timer.set(this.links.nextDeadline);
  }

  #followOne(output: LinkOutput): void {
    switch (output.kind) {
      case 'dial':
        this.#dial(output.link, output.to, this.#options.targets.addresses(output.to, 'control'));
        break;
      case 'send':
        this.#connections.get(output.link)?.send(output.message);
        break;
      case 'close':
        this.#connections.get(output.link)?.close(output.why);
        this.#connections.delete(output.link);
        break;
      case 'sign-join':
        void this.#sign(output);
        break;
      case 'check-join':
        void this.#check(output);
        break;
      case 'message':
        this.#options.onMessage(output.from, output.message);
        break;
      case 'failed':
        this.#options.onFailed(output.to, output.message, output.code);
        break;
      case 'unknown':
        this.#options.onUnknown();
        break;
      case 'up':
        this.#logLink('link up', output.supernode);
        this.#options.onUp(output.supernode);
        break;
      case 'down':
        this.#logLink('link down', output.supernode);
        this.#options.onDown(output.supernode);
        break;
    }
  }

  #logLink(what: string, supernode: string): void {
    const { name } = this.#options.targets.get(supernode) ?? {};
    this.#options.log.info({ supernode, name }, what);
  }

  /** Its addresses one after another. */
  #dial(link: number, to: string, [address, ...others]: string[]): void {
    const tlsSha256 = this.#options.targets.get(to)?.tlsSha256;
    const { onText, onClose } = this.#handlers(link);
    if (address === undefined || tlsSha256 === undefined) {
      // Not from within the call that asked for it.
      queueMicrotask(() => onClose('broken'));
      return;
    }
    let isOpen = false;
    const connection = connectLink(
      { address, tlsSha256 },
      {
        onOpen: () => {
          isOpen = true;
          this.#follow(this.links.handleOpened(link));
        },
        onText,
        onClose: (how, cause) => {
          if (!isOpen) this.#options.log.debug({ supernode: to, err: cause }, 'no link');
          const isGivenUp = this.#connections.get(link) !== connection;
          if (isOpen || isGivenUp || others.length === 0) onClose(how);
          else this.#dial(link, to, others);
        },
      },
    );
    this.#connections.set(link, connection);
  }

  async #sign(output: Extract<LinkOutput, { kind: 'sign-join' }>): Promise<void> {
    const { id, key } = this.#options;
    const { link, audience, ownNonce, otherNonce } = output;
    const versions = [...LINK_VERSIONS];
    const claims = { label: 'overcall link' as const, iss: id, versions, ownNonce, otherNonce };
    const options = { audience, nowMs: Date.now(), lifetimeS: LINK_PROOF_LIFETIME_S };
    const proof = await signObject(LinkProof, claims, key, options);
    const outputs = this.links.handleSigned(link, proof, monotonicMs());
    if (this.links.isJoined(link)) this.#connections.get(link)?.admit?.();
    this.#follow(outputs);
  }

  async #check(output: Extract<LinkOutput, { kind: 'check-join' }>): Promise<void> {
    const key = this.#options.targets.get(output.from)?.key;
    const isGood = key !== undefined && (await this.#isGood(output, key));
    this.#follow(this.links.handleJoinChecked(output.link, isGood, monotonicMs()));
  }

  /** A fault of our own while checking must not end the process. */
  async #isGood(
    { proof, from, theirNonce, ourNonce }: Extract<LinkOutput, { kind: 'check-join' }>,
    key: Parameters<typeof checkJoin>[1]['key'],
  ): Promise<boolean> {
    try {
      const context = { from, key, self: this.#options.id, theirNonce, ourNonce, nowMs: Date.now() };
      const checked = await checkJoin(proof, context);
      if (!('ok' in checked))
        this.#options.log.debug({ supernode: from, code: checked.code }, 'link refused');
      return 'ok' in checked;
    } catch (error) {
      this.#options.log.error({ err: error }, 'checking a link proof failed');
      return false;
    }
  }
}
