import type { LabSpec } from '../spec.ts';
import type { Link } from './link-spec.ts';
import { withLinks } from './with-links.ts';

/** Access links to try a call on, by the name of the preset that has them. */
const ACCESS_LINKS: Readonly<Record<string, { about: string; link: Link }>> = {
  natPairDelay: { about: '20 ms each way', link: { delayMs: 20 } },
  natPairFar: { about: '150 ms each way', link: { delayMs: 150 } },
  natPairWireless: {
    about: '30 ms with 10 ms of jitter, 2% loss',
    link: { delayMs: 30, jitterMs: 10, lossPct: 2 },
  },
  natPairLossy: { about: '20 ms, 10% loss', link: { delayMs: 20, lossPct: 10 } },
  natPairBursts: {
    about: '20 ms, 10% loss in bursts of 5 packets',
    link: { delayMs: 20, lossPct: 10, burst: { meanLength: 5 } },
  },
  natPairNarrow: {
    about: '64 kbit/s upwards, 20 ms',
    link: { delayMs: 20, up: { kbitPerS: 64, queueMs: 500 } },
  },
};

/** `pair` over each of them. */
export function linkPresets(pair: LabSpec): Record<string, { about: string; spec: LabSpec }> {
  return Object.fromEntries(
    Object.entries(ACCESS_LINKS).map(([name, { about, link }]) => [
      name,
      { about: `natPair with access links of ${about}`, spec: withLinks(pair, link) },
    ]),
  );
}
