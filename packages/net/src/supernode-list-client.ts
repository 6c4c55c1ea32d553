import { OvercallError, plainText, SUPERNODE_LIST_PATH } from '@overcall/wire';
import Type from 'typebox';
import { Value } from 'typebox/value';
import { exchangeJson, type JsonAnswer } from './http-json.ts';

/** The longest list over a slow line. */
const TIMEOUT_MS = 30_000;
const Answer = Type.Object({ list: Type.String() });
const ErrorAnswer = Type.Object({ code: Type.String(), message: Type.String() });

/**
 * The signed supernode list (unverified: see SupernodeList in packages/identity) from a supernode, for when the
 * directory is away. Nothing is sent before its certificate has been found to be one of the pinned ones.
 * @throws OvercallError `supernode-unreachable`, `supernode-certificate-differs`
 */
export async function fetchListFrom(target: {
  address: string;
  tlsSha256: readonly string[];
}): Promise<string> {
  const { status, body } = await exchange(target);
  if (status === 200 && Value.Check(Answer, body)) return body.list;
  const reason = Value.Check(ErrorAnswer, body) ? plainText(body.message) : `HTTP ${status}`;
  throw new OvercallError('supernode-unreachable', `supernode ${target.address} gives no list: ${reason}`);
}

async function exchange({
  address,
  tlsSha256,
}: {
  address: string;
  tlsSha256: readonly string[];
}): Promise<JsonAnswer> {
  try {
    return await exchangeJson({
      method: 'GET',
      url: new URL(`https://${address}${SUPERNODE_LIST_PATH}`),
      timeoutMs: TIMEOUT_MS,
      checkCertificate: ({ sha256 }) => {
        if (!tlsSha256.includes(sha256)) throw certificateDiffers(address);
      },
    });
  } catch (cause) {
    if (cause instanceof OvercallError) throw cause;
    throw new OvercallError('supernode-unreachable', `supernode ${address} cannot be reached`, { cause });
  }
}

/** What answers at `address` is not the supernode that the list names. */
export function certificateDiffers(address: string): OvercallError {
  return new OvercallError(
    'supernode-certificate-differs',
    `${address} shows another TLS certificate than the supernode list names`,
  );
}
