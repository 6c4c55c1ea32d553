import type { SupernodeEntry } from '@overcall/identity';
import { secureRandom } from '@overcall/net';
import { drawn, WANTED_ATTACHMENTS } from '@overcall/overlay';
import type { CertificateChain } from '@overcall/wire';
import type { Attachment } from './attachment.ts';

/** Supernodes that are visited at once to ask for somebody whom ours do not know, those still attached from the last time included. */
const MAX_VISITED = 8;

/** What a supernode says about an endpoint, unchecked. */
export interface FoundEndpoint {
  attachment: Attachment;
  chain: CertificateChain;
  record: string;
  /** Said to take no more calls: so older records of this endpoint do not count. */
  isWithdrawn: boolean;
}

/**
 * Asks the supernodes that we are attached to for `name`, then some of the `others`, all at once: the caller comes to the
 * callee's supernode. Which ones is left to chance, or everybody would ask the same. Those that know nothing are left again by
 * and by, and asked meanwhile with ours.
 */
export async function lookUpAt(
  name: string,
  attached: readonly Attachment[],
  others: () => readonly SupernodeEntry[],
  attach: (entry: SupernodeEntry) => Promise<Attachment>,
): Promise<FoundEndpoint[]> {
  const found = (await Promise.all(attached.map((attachment) => ask(attachment, name)))).flat();
  if (found.some(({ isWithdrawn }) => !isWithdrawn)) return found;
  const room = MAX_VISITED + WANTED_ATTACHMENTS - attached.length;
  const visits = drawn(others(), room, secureRandom).map(async (entry) => {
    const attachment = await attach(entry).catch(() => null);
    return attachment === null ? [] : ask(attachment, name);
  });
  return [...found, ...(await Promise.all(visits)).flat()];
}

async function ask(attachment: Attachment, name: string): Promise<FoundEndpoint[]> {
  const nothing = { endpoints: [], withdrawn: [] };
  const { endpoints, withdrawn = [] } = await attachment.lookup(name).catch(() => nothing);
  return [
    ...endpoints.map((endpoint) => ({ attachment, ...endpoint, isWithdrawn: false })),
    ...withdrawn.map((endpoint) => ({ attachment, ...endpoint, isWithdrawn: true })),
  ];
}
