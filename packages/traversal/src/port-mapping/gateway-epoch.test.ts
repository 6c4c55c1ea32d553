import { expect, it } from 'vitest';
import { GatewayEpoch } from './gateway-epoch.ts';

it.each([
  ['keeps time', 60, 160, false],
  ['is slow by 6%', 600, 100 + 565, false],
  ['is fast by 6%', 600, 100 + 636, false],
  ['is coarse', 1, 100, false],
  ['repeats itself in another order', 0, 99, false],
  ['started again', 60, 3, true],
  ['started again long ago', 600, 100 + 300, true],
  ['was asleep, or we were', 10, 100 + 600, true],
])('a gateway that %s', (_what, afterS, epochS, hasRestarted) => {
  const epoch = new GatewayEpoch();
  expect(epoch.handleAnswer(100, 5000)).toBe(false);
  expect(epoch.handleAnswer(epochS, 5000 + afterS * 1000)).toBe(hasRestarted);
});
