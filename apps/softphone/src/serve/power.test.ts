import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { readPower } from './power.ts';

let folder: string | null = null;
afterEach(() => {
  if (folder !== null) rmSync(folder, { recursive: true });
  folder = null;
});

function powerOf(supplies: Record<string, string>[]): string {
  folder ??= mkdtempSync(join(tmpdir(), 'overcall-power-'));
  supplies.forEach((files, index) => {
    const supply = join(folder!, `supply${index}`);
    mkdirSync(supply, { recursive: true });
    for (const [file, text] of Object.entries(files)) writeFileSync(join(supply, file), `${text}\n`);
  });
  return readPower(folder);
}

const BATTERY = { type: 'Battery', status: 'Discharging' };
const MOUSE = { ...BATTERY, scope: 'Device' };

it.each<[string, Record<string, string>[], string]>([
  ['a server', [], 'unknown'],
  ['a desktop with a wireless mouse', [MOUSE], 'unknown'],
  [
    'a laptop on its charger',
    [
      { type: 'Mains', online: '1' },
      { ...BATTERY, status: 'Charging' },
    ],
    'mains',
  ],
  ['a laptop that has been unplugged', [{ type: 'Mains', online: '0' }, BATTERY], 'battery'],
  [
    'one whose battery says nothing',
    [
      { type: 'Mains', online: '0' },
      { type: 'Battery', status: 'Unknown' },
    ],
    'battery',
  ],
  [
    'one that is charged by USB',
    [
      { type: 'USB_C', online: '1' },
      { type: 'Battery', status: 'Not charging' },
    ],
    'mains',
  ],
  ['a full battery without a charger that is shown', [{ type: 'Battery', status: 'Full' }], 'mains'],
])('%s', (_what, supplies, power) => {
  expect(powerOf(supplies)).toBe(power);
});

it('a machine without that folder', () => {
  expect(readPower('/nowhere')).toBe('unknown');
});
