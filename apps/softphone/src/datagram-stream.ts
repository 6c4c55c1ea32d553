import type { Logger } from '@overcall/cli';
import { connectDatagrams, type DatagramConnecting, type DatagramLink } from '@overcall/net';

/** A connection that could not be made, or broke, is made again after the first of these, doubling up to the last, ms. */
const RETRY_FIRST_MS = 250;
const RETRY_LAST_MS = 8000;

export interface DatagramStreamHandlers {
  onDatagram(datagram: Uint8Array): void;
  onChange(isOpen: boolean): void;
}

/** Keeps a connection for datagrams to one supernode open, for as long as it is wanted. */
export class DatagramStream {
  /** `ip:port` of the supernode's TLS listener. */
  readonly address: string;
  readonly #tlsSha256: readonly string[];
  readonly #handlers: DatagramStreamHandlers;
  readonly #log: Logger;
  #connecting: DatagramConnecting | null = null;
  #link: DatagramLink | null = null;
  #isWanted = false;
  #retryMs = RETRY_FIRST_MS;
  #retryTimer: NodeJS.Timeout | undefined;

  constructor(
    target: { address: string; tlsSha256: readonly string[] },
    handlers: DatagramStreamHandlers,
    log: Logger,
  ) {
    this.address = target.address;
    this.#tlsSha256 = target.tlsSha256;
    this.#handlers = handlers;
    this.#log = log;
  }

  /** Local address of the connection; null while there is none. */
  get local(): DatagramLink['local'] | null {
    return this.#link?.local ?? null;
  }

  /** Opens or closes it; a second `want(true)` after a `want(false)` makes a new one. */
  want(wanted: boolean): void {
    if (wanted === this.#isWanted) return;
    this.#isWanted = wanted;
    if (wanted) {
      this.#retryMs = RETRY_FIRST_MS;
      this.#connect();
      return;
    }
    clearTimeout(this.#retryTimer);
    const [connecting, link] = [this.#connecting, this.#link];
    this.#connecting = null;
    this.#link = null;
    if (link === null) connecting?.abort();
    else {
      link.close();
      this.#handlers.onChange(false);
    }
  }

  send(datagram: Uint8Array): void {
    this.#link?.send(datagram);
  }

  #connect(): void {
    const { address } = this;
    let connecting: DatagramConnecting;
    const isCurrent = () => this.#connecting === connecting;
    try {
      connecting = connectDatagrams(
        { address, tlsSha256: this.#tlsSha256 },
        {
          onDatagram: (datagram) => {
            if (isCurrent()) this.#handlers.onDatagram(datagram);
          },
          onClose: () => {
            if (isCurrent()) this.#handleLost();
          },
        },
      );
    } catch (error) {
      this.#log.warn({ error: String(error) }, 'no datagrams over TCP');
      return;
    }
    this.#connecting = connecting;
    connecting.opened.then(
      (link) => {
        if (!isCurrent()) return;
        this.#link = link;
        this.#retryMs = RETRY_FIRST_MS;
        this.#handlers.onChange(true);
      },
      (error) => {
        if (!isCurrent()) return;
        this.#log.debug({ error: String(error) }, 'no connection for datagrams');
        this.#handleLost();
      },
    );
  }

  #handleLost(): void {
    const wasOpen = this.#link !== null;
    this.#connecting = null;
    this.#link = null;
    if (wasOpen) this.#handlers.onChange(false);
    if (!this.#isWanted) return;
    this.#retryTimer = setTimeout(() => this.#connect(), this.#retryMs);
    this.#retryMs = Math.min(RETRY_LAST_MS, this.#retryMs * 2);
  }
}
