import { join } from 'node:path';
import { readFileIfThere } from '@overcall/net';
import { BYTES_PER_GB, MONTH_VOLUME_FILE, MonthVolume, parseMonthBytes } from '@overcall/overlay';

/**
 * Whether the supernode that keeps its data in this folder has relayed what it may in this month, while it does not run: by
 * the file that it wrote when it ended. Without one, or with one that is damaged, nothing has been relayed.
 */
export function isVolumeUsedUp(folder: string, maxGbMonth: number, nowMs = Date.now()): boolean {
  const text = readFileIfThere(join(folder, MONTH_VOLUME_FILE));
  const kept = text === null ? null : parseMonthBytes(text);
  return new MonthVolume(maxGbMonth * BYTES_PER_GB, kept, nowMs).isUsedUp;
}
