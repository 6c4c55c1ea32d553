import { OvercallError } from '@overcall/wire';
import {
  checkDirectoryCertificate,
  type FetchDirectoryOptions,
  fetchDirectory,
  parseDirectoryUrl,
} from './directory-client.ts';
import { exchangeJson, type JsonAnswer } from './http-json.ts';

const TIMEOUT_MS = 5000;
/** The Date of HTTP counts whole seconds (RFC 9110, 5.6.7): on average it is half a second old. */
const HALF_SECOND_MS = 500;

/** How far this machine's clock is ahead of another one, and how wrong that may be, ms. */
export interface ClockReading {
  aheadMs: number;
  errorMs: number;
}

/**
 * Compares this machine's clock with the directory's, over a connection that its key vouches for. What the directory signs is
 * too old for that: statement and list are made once for many. Dates of what it signed are checked as of its own clock here, so that a wrong one on
 * this side is told as such.
 * @throws OvercallError as `fetchDirectory` does, and `directory-unreachable` when it names no date
 */
export async function directoryClock(
  urlWithKey: string,
  options: FetchDirectoryOptions = {},
): Promise<ClockReading> {
  const { url } = parseDirectoryUrl(urlWithKey);
  const sentAt = Date.now();
  // A challenge is never kept by a cache in between.
  const answer = await ask(url);
  const receivedAt = Date.now();
  if (answer.dateMs === null)
    throw new OvercallError('directory-unreachable', `directory ${url} names no date in its answers`);
  const known = await fetchDirectory(urlWithKey, { ...options, nowMs: answer.dateMs });
  if (answer.certificate !== null) checkDirectoryCertificate(known, answer.certificate);
  const middle = (sentAt + receivedAt) / 2;
  return {
    aheadMs: Math.round(middle - (answer.dateMs + HALF_SECOND_MS)),
    errorMs: Math.round(HALF_SECOND_MS + (receivedAt - sentAt) / 2),
  };
}

async function ask(url: string): Promise<JsonAnswer> {
  try {
    return await exchangeJson({
      method: 'POST',
      url: new URL(`${url}/v1/challenges`),
      body: {},
      timeoutMs: TIMEOUT_MS,
      maxAnswerBytes: 65_536,
      // Nothing secret is said; what was shown is compared afterwards.
      checkCertificate: () => {},
    });
  } catch (cause) {
    throw new OvercallError('directory-unreachable', `directory ${url} cannot be reached`, { cause });
  }
}
