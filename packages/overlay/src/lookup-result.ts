import { type CertificateChain, MAX_CONTROL_CHARS } from '@overcall/wire';
import { MAX_PER_NAME, type Presence } from './presence.ts';

type Endpoints = { chain: CertificateChain; record: string }[];

/** Left of a control message for what is around the endpoints. */
const FRAME_CHARS = 256;

/** As many endpoints of a lookup as one control message holds. */
export function fittingEndpoints(
  found: readonly { chain: CertificateChain; record: string }[],
  takenChars = 0,
): Endpoints {
  let chars = FRAME_CHARS + takenChars;
  return found
    .map(({ chain, record }) => ({ chain: { user: chain.user, device: chain.device }, record }))
    .filter((endpoint) => {
      const length = JSON.stringify(endpoint).length + 1;
      if (chars + length > MAX_CONTROL_CHARS) return false;
      chars += length;
      return true;
    });
}

/**
 * Where somebody is, and what is over: whoever asks several supernodes would else believe an older record of one that has not
 * heard of the end. Those that take calls have the room first.
 */
export function resultOf(found: readonly Presence[]): { endpoints: Endpoints; withdrawn?: Endpoints } {
  const endpoints = fittingEndpoints(found.filter(({ accepts }) => accepts).slice(0, MAX_PER_NAME));
  const over = found.filter(({ accepts }) => !accepts).slice(0, MAX_PER_NAME);
  const withdrawn = fittingEndpoints(over, JSON.stringify(endpoints).length);
  return withdrawn.length === 0 ? { endpoints } : { endpoints, withdrawn };
}
