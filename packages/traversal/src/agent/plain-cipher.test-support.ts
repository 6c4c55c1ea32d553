import type { CheckCipher } from './path-agent-types.ts';

/** Not secret: a tag that tells whose it is, so that forged and repeated checks are told apart. */
export function plainCipher(own: number, peer: number): CheckCipher {
  let counter = 0;
  const seen = new Set<number>();
  return {
    seal: (plaintext) => ({ counter: counter++, sealed: plainlySealed(plaintext, own) }),
    open(number, sealed) {
      if (sealed.at(-16) !== peer || seen.has(number)) return null;
      seen.add(number);
      return sealed.slice(0, -16);
    },
  };
}

export function plainlySealed(plaintext: Uint8Array, own: number): Uint8Array {
  const sealed = new Uint8Array(plaintext.length + 16);
  sealed.set(plaintext);
  sealed[plaintext.length] = own;
  return sealed;
}
