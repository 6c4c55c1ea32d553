import { type CertificateChain, MAX_CONTROL_CHARS } from '@overcall/wire';

/** Left of a control message for what is around the endpoints. */
const FRAME_CHARS = 256;

/** As many endpoints of a lookup as one control message holds. */
export function fittingEndpoints(
  found: readonly { chain: CertificateChain; record: string }[],
): { chain: CertificateChain; record: string }[] {
  let chars = FRAME_CHARS;
  return found
    .map(({ chain, record }) => ({ chain: { user: chain.user, device: chain.device }, record }))
    .filter((endpoint) => {
      const length = JSON.stringify(endpoint).length + 1;
      if (chars + length > MAX_CONTROL_CHARS) return false;
      chars += length;
      return true;
    });
}
