import { DIAL_BACK_PATH, DialBackAnswer, DialBackProof, OvercallError, plainText } from '@overcall/wire';
import Type from 'typebox';
import { Value } from 'typebox/value';
import { exchangeJson, type JsonRequest } from './http-json.ts';
import { certificateDiffers } from './supernode-list-client.ts';

const MAX_ANSWER_BYTES = 16_384;
const ErrorAnswer = Type.Object({ code: Type.String(), message: Type.String() });

export interface DialBackTarget {
  /** Control address. */
  address: string;
  tlsSha256: readonly string[];
  timeoutMs: number;
}

/**
 * Asks a supernode to try the addresses of this one. Returns its report (unverified: a DialBackReport).
 * @throws OvercallError with the code of its refusal, `supernode-certificate-differs`; Node's error when it is not reached
 */
export async function askForDialBack(
  target: DialBackTarget,
  body: { request: string; ticket?: string },
): Promise<string> {
  const answer = await exchange(target, 'POST', DIAL_BACK_PATH, body);
  if (answer.status === 200 && Value.Check(DialBackAnswer, answer.body)) return answer.body.report;
  if (Value.Check(ErrorAnswer, answer.body))
    throw new OvercallError(plainText(answer.body.code, 64), plainText(answer.body.message));
  throw new OvercallError('supernode-unreachable', `${target.address} answers HTTP ${answer.status}`);
}

/** The proof that shows at a control address; null when what answers there has none. Throws as above. */
export async function fetchDialBackProof(
  target: DialBackTarget,
  id: string,
  nonce: string,
): Promise<string | null> {
  const { status, body } = await exchange(target, 'GET', `${DIAL_BACK_PATH}/${id}/${nonce}`);
  return status === 200 && Value.Check(DialBackProof, body) ? body.proof : null;
}

function exchange(target: DialBackTarget, method: JsonRequest['method'], path: string, body?: unknown) {
  const { address, tlsSha256, timeoutMs } = target;
  return exchangeJson({
    method,
    url: new URL(`https://${address}${path}`),
    body,
    timeoutMs,
    maxAnswerBytes: MAX_ANSWER_BYTES,
    isDirect: true,
    checkCertificate: ({ sha256 }) => {
      if (!tlsSha256.includes(sha256)) throw certificateDiffers(address);
    },
  });
}
