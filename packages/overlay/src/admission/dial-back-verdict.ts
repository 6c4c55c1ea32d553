import type { DialBackResult, SupernodeEntry } from '@overcall/identity';

/** How many others have to reach each address, when there are as many. */
export const NEEDED_CONFIRMATIONS = 2;

type Transport = DialBackResult['transport'];
export interface AddressVerdict {
  transport: Transport;
  address: string;
  isReached: boolean;
  /** Names of who did not reach it. */
  unreachedFrom: string[];
  /** Names of who sends nothing to such an address. */
  forbiddenBy: string[];
}

/**
 * What reports say about each address of an entry. `needed` of them have to have reached it, or as many as are left when those
 * who cannot tell (no such family) are not counted.
 */
export function judgeReports(
  entry: Pick<SupernodeEntry, 'udp' | 'control'>,
  reports: readonly { from: string; results: readonly DialBackResult[] }[],
  needed: number,
): AddressVerdict[] {
  const judge = (transport: Transport, address: string): AddressVerdict => {
    const from = (outcome: DialBackResult['outcome']) =>
      reports
        .filter(({ results }) =>
          results.some((r) => r.transport === transport && r.address === address && r.outcome === outcome),
        )
        .map((report) => report.from);
    const unable = from('no-family').length;
    const wanted = unable === 0 ? needed : Math.min(needed, reports.length - unable);
    return {
      transport,
      address,
      isReached: from('reached').length >= wanted,
      unreachedFrom: from('unreached'),
      forbiddenBy: from('forbidden'),
    };
  };
  return [
    ...entry.udp.map((address) => judge('udp', address)),
    ...entry.control.map((address) => judge('tcp', address)),
  ];
}

/**
 * What is to be mended, one line for people; null when every address is reached. `silent` are the names of those who were asked
 * and told nothing.
 */
export function whatToMend(
  verdicts: readonly AddressVerdict[],
  silent: readonly string[] = [],
): string | null {
  const open = verdicts.filter(({ isReached }) => !isReached);
  if (open.length === 0) return null;
  const problems = open.map(mend);
  const isUnconfirmed = open.some((verdict) => isUnheard(verdict));
  if (isUnconfirmed && silent.length > 0)
    problems.push(`nothing was heard of ${silent.join(', ')}: see that this host and they reach each other`);
  return problems.join('; ');
}

const isUnheard = ({ unreachedFrom, forbiddenBy }: AddressVerdict): boolean =>
  unreachedFrom.length === 0 && forbiddenBy.length === 0;

function mend({ transport, address, unreachedFrom, forbiddenBy }: AddressVerdict): string {
  const what = `${transport.toUpperCase()} ${address}`;
  if (unreachedFrom.length > 0) {
    return `${what} was not reached from ${unreachedFrom.join(', ')}: open this port in every firewall, or mend --public-address`;
  }
  if (forbiddenBy.length > 0) {
    return `${what} is no address that ${forbiddenBy.join(', ')} may send to: give a public one (--public-address), or --allow-net there`;
  }
  return `${what} was confirmed by too few others: try again`;
}
