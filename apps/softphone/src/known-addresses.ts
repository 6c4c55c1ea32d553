import { type AddressPort, formatAddressPort, parseAddressPort } from '@overcall/traversal';

/** What is remembered; a call has a few, and a spray 2,048. Then all is forgotten. */
const MAX_KNOWN = 1024;

/**
 * `ip:port` of the addresses that datagrams come from and go to: each packet of a call is from one of few, and its text is the same
 * string as before, which is quickly compared.
 */
export class KnownAddresses {
  readonly #byPort = new Map<number, { address: string; text: string }>();
  readonly #byText = new Map<string, AddressPort | null>();

  textOf(source: AddressPort): string {
    const known = this.#byPort.get(source.port);
    if (known?.address === source.address) return known.text;
    const text = formatAddressPort(source);
    if (this.#byPort.size >= MAX_KNOWN) this.#byPort.clear();
    this.#byPort.set(source.port, { address: source.address, text });
    return text;
  }

  /** Null for what is none. */
  read(text: string): AddressPort | null {
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    const read = parseAddressPort(text);
    if (this.#byText.size >= MAX_KNOWN) this.#byText.clear();
    this.#byText.set(text, read);
    return read;
  }
}
