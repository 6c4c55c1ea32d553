import { concatBytes } from '@overcall/wire';

/**
 * Noise prologue of a call: everything that both sides must agree on before the first key exists, so that a
 * supernode that shortens a version list or swaps a name breaks the handshake instead of weakening it.
 *
 * | bytes | field |
 * |---|---|
 * | 13 | "overcall call" |
 * | 1 | negotiated version: the highest one in both lists; 0 when there is none, and no handshake then |
 * | 1 + n | caller's versions: count, then one byte each, as sent |
 * | 1 + n | callee's versions: likewise |
 * | 2 + n | directory key id: length (big-endian), UTF-8 |
 * | 2 + n | caller's name: likewise |
 * | 2 + n | callee's name: likewise |
 */
const LABEL = new TextEncoder().encode('overcall call');

export interface PrologueParts {
  callerVersions: number[];
  calleeVersions: number[];
  directoryKeyId: string;
  caller: string;
  callee: string;
}

/** The highest version in both lists; null when there is none. 0 is no version. */
export function highestCommonVersion(a: readonly number[], b: readonly number[]): number | null {
  const common = a.filter((version) => version !== 0 && b.includes(version));
  return common.length === 0 ? null : Math.max(...common);
}

/** Never throws for lists and names that the schemas of signalling and certificates let through. */
export function callPrologue(parts: PrologueParts): Uint8Array<ArrayBuffer> {
  return concatBytes(
    LABEL,
    new Uint8Array([highestCommonVersion(parts.callerVersions, parts.calleeVersions) ?? 0]),
    versionList(parts.callerVersions),
    versionList(parts.calleeVersions),
    prefixedText(parts.directoryKeyId),
    prefixedText(parts.caller),
    prefixedText(parts.callee),
  );
}

/** The version that a prologue of {@link callPrologue} says; null when it says none or is none. */
export function negotiatedVersion(prologue: Uint8Array): number | null {
  if (LABEL.some((byte, at) => prologue[at] !== byte)) return null;
  return prologue[LABEL.length] || null;
}

function versionList(versions: readonly number[]): Uint8Array {
  const valid = versions.every((version) => Number.isInteger(version) && version >= 0 && version <= 255);
  if (!valid || versions.length > 255) throw new RangeError('call versions are at most 255 bytes');
  return new Uint8Array([versions.length, ...versions]);
}

function prefixedText(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > 0xffff) throw new RangeError('a name in a prologue has at most 65,535 bytes');
  return concatBytes(new Uint8Array([bytes.length >> 8, bytes.length & 0xff]), bytes);
}
