/** A key: a character that was typed, or the name of a key that writes none. */
export type Key =
  | { type: 'text'; text: string }
  | { type: 'enter' | 'escape' | 'tab' | 'backspace' | 'up' | 'down' | 'interrupt' | 'redraw' | 'clear' };

const BY_CONTROL: Record<string, Key['type']> = {
  '\r': 'enter',
  '\n': 'enter',
  '\t': 'tab',
  '\b': 'backspace',
  '\x7f': 'backspace',
  '\x03': 'interrupt',
  '\x04': 'interrupt',
  '\x0c': 'redraw',
  '\x0e': 'down',
  '\x10': 'up',
  '\x15': 'clear',
};
const BY_FINAL: Record<string, Key['type']> = { A: 'up', B: 'down' };
/** The longest sequence that a key sends is far shorter: what goes on is no key. */
const MAX_SEQUENCE = 32;
/** Whoever wants to get out is not to wait for the end of a sequence: Ctrl-C and Ctrl-D. */
const INTERRUPTS = ['\x03', '\x04'];
/** What follows ESC: CSI parameters and a final byte (ECMA-48, 5.4), SS3 and a letter, or one character (Alt). */
const SEQUENCE = /^(?:\[[0-?]*[ -/]*([@-~])|O([ -~])|[^[O])/u;

/**
 * Turns what a terminal in raw mode sends into keys. A sequence may come in pieces (ssh), and a lone ESC is a key too:
 * which one it was shows when nothing follows, so {@link flush} it a little later.
 */
export class KeyReader {
  #rest = '';

  /** Whether an ESC waits for what may follow. */
  get isWaiting(): boolean {
    return this.#rest !== '';
  }

  read(text: string): Key[] {
    const keys: Key[] = [];
    this.#rest += text;
    while (this.#rest !== '') {
      if (this.#rest[0] === '\x1b') {
        // One that is not there is beyond the end.
        const cutAt = Math.min(...INTERRUPTS.map((key) => this.#rest.indexOf(key) >>> 0));
        const whole = SEQUENCE.exec(this.#rest.slice(1, cutAt));
        if (whole === null && cutAt < this.#rest.length) {
          if (cutAt === 1) keys.push({ type: 'escape' });
          this.#rest = this.#rest.slice(cutAt);
          continue;
        }
        if (whole === null) {
          if (this.#rest.length <= MAX_SEQUENCE) return keys;
          this.#rest = '';
          return keys;
        }
        this.#rest = this.#rest.slice(1 + whole[0].length);
        const type = BY_FINAL[whole[1] ?? whole[2] ?? ''];
        if (type !== undefined) keys.push({ type } as Key);
        continue;
      }
      const character = String.fromCodePoint(this.#rest.codePointAt(0)!);
      this.#rest = this.#rest.slice(character.length);
      const type = BY_CONTROL[character];
      if (type !== undefined) keys.push({ type } as Key);
      else if (!/\p{C}/u.test(character)) keys.push({ type: 'text', text: character });
    }
    return keys;
  }

  /** Nothing followed. */
  flush(): Key[] {
    const wasEscape = this.#rest === '\x1b';
    this.#rest = '';
    return wasEscape ? [{ type: 'escape' }] : [];
  }
}
