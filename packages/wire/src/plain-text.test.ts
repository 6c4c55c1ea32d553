import { describe, expect, it } from 'vitest';
import { plainText } from './plain-text.ts';

describe('plainText', () => {
  it('takes away what could act on a terminal, and keeps what can be read', () => {
    expect(plainText('a\u001b[2J\r\nb\u202ec\u2028d\u0000é ✓ 🎧')).toBe('a[2Jbcdé ✓ 🎧');
  });

  it('cuts long text, and no character in two', () => {
    expect(plainText('x'.repeat(600))).toHaveLength(512);
    expect(plainText('xy🎧', 3)).toBe('xy');
  });
});
