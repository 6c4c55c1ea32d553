import type { WayKind } from './way.ts';

export interface Scenario {
  name: string;
  /** Each direction. */
  way: WayKind;
  /** From the middle on. */
  later?: WayKind;
  /** Of a link that both directions go through, with a queue as long as it gets. */
  sharedKbitPerS?: number;
}

export const SCENARIOS: readonly Scenario[] = [
  { name: 'clean, 50 ms', way: { delayMs: 50 } },
  { name: '10% random loss', way: { delayMs: 50, lossPct: 10 } },
  { name: '20% random loss', way: { delayMs: 50, lossPct: 20 } },
  { name: '30% random loss', way: { delayMs: 50, lossPct: 30 } },
  { name: '10% loss, bursts of 100 ms', way: { delayMs: 50, lossPct: 10, meanBurst: 5 } },
  { name: 'jitter up to 30 ms', way: { delayMs: 50, jitterMs: 30 } },
  { name: 'jitter up to 100 ms', way: { delayMs: 50, jitterMs: 100 } },
  { name: '20% loss, 60 ms jitter', way: { delayMs: 50, lossPct: 20, jitterMs: 60 } },
  {
    name: '20% loss, 60 ms either way in order',
    way: { delayMs: 40, lossPct: 20, jitterMs: 120, inOrder: true },
  },
  { name: 'path longer by 100 ms', way: { delayMs: 50 }, later: { delayMs: 150 } },
  { name: 'path shorter by 100 ms', way: { delayMs: 150 }, later: { delayMs: 50 } },
  { name: '64 kbit/s shared both ways', way: { delayMs: 20 }, sharedKbitPerS: 64 },
  { name: '40 kbit/s and no queue (policed)', way: { delayMs: 20, policedKbitPerS: 40 } },
];
