import { join } from 'node:path';
import { readFileIfThere } from '@overcall/net';
import { MonthVolume, readMonthBytes } from '@overcall/overlay';

const BYTES_PER_GB = 1e9;

/**
 * Whether the supernode that keeps its data in this folder has relayed what it may in this month, while it does not run: by
 * the file that it wrote when it ended. Without one, or with one that is damaged, nothing has been relayed.
 */
export function isVolumeUsedUp(folder: string, maxGbMonth: number, nowMs = Date.now()): boolean {
  const kept = readMonthBytes(parsed(readFileIfThere(join(folder, 'volume.json'))));
  return new MonthVolume(maxGbMonth * BYTES_PER_GB, kept, nowMs).isUsedUp;
}

function parsed(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
