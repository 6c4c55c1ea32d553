import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const POWER_SUPPLIES = '/sys/class/power_supply';

/** What this machine runs on, as the kernel says (sysfs-class-power); `unknown` where it says nothing, as on most servers. */
export function readPower(folder = POWER_SUPPLIES): 'mains' | 'battery' | 'unknown' {
  const supplies = namesIn(folder).map((name) => {
    const read = (file: string) => readText(join(folder, name, file));
    return { type: read('type'), online: read('online'), status: read('status'), scope: read('scope') };
  });
  const batteries = supplies.filter(({ type, scope }) => type === 'Battery' && scope !== 'Device');
  // Chargers by USB have types of their own: USB, USB_C, USB_PD.
  const chargers = supplies.filter(({ type }) => type === 'Mains' || type?.startsWith('USB'));
  if (chargers.some(({ online }) => online === '1')) return 'mains';
  if (batteries.some(({ status }) => status === 'Discharging')) return 'battery';
  if (batteries.length > 0 && chargers.some(({ online }) => online === '0')) return 'battery';
  return batteries.length > 0 ? 'mains' : 'unknown';
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}
