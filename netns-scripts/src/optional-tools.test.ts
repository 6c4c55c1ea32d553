import { expect, test } from 'vitest';
import { missingInWords, missingTools } from './optional-tools.ts';

test('what only some scenarios need is named with them and with its Debian package', () => {
  expect(missingTools(() => true)).toEqual([]);
  const [missing] = missingTools((tool) => tool !== 'miniupnpd');
  expect(missing).toEqual({
    tool: 'miniupnpd',
    package: 'miniupnpd-nftables',
    for: 'scenarios with portMapping',
  });
  expect(missingInWords(missing!)).toBe(
    'missing for scenarios with portMapping: miniupnpd (Debian: miniupnpd-nftables)',
  );
});
