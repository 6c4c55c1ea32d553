import { fromBase64Url } from '@overcall/wire';

/** Byte order of two keys in base64url; negative when `a` is lower. */
export function compareKeys(a: string, b: string): number {
  const left = fromBase64Url(a) ?? new Uint8Array();
  const right = fromBase64Url(b) ?? new Uint8Array();
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] !== right[i]) return left[i]! - right[i]!;
  }
  return left.length - right.length;
}
