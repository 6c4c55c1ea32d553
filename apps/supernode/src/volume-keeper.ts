import { join } from 'node:path';
import { readFileIfThere, writePrivateFile } from '@overcall/net';
import { MONTH_VOLUME_FILE, MonthVolume, parseMonthBytes } from '@overcall/overlay';
import type { Logger } from 'pino';

/** How often bytes are looked at, and how often they are written down at most, ms. */
const LOOK_INTERVAL_MS = 1000;
const WRITE_INTERVAL_MS = 60_000;

/** Keeps the volume of the month in `volume.json`: a crash forgets a minute of it. */
export class VolumeKeeper {
  readonly #file: string;
  readonly #volume: MonthVolume;
  readonly #forwardedBytes: () => number;
  readonly #log: Logger;
  readonly #timers: NodeJS.Timeout[];
  #counted = 0;
  #written: string;
  #wasUsedUp = false;

  /** `forwardedBytes` is since the start. */
  constructor(options: {
    folder: string;
    limitBytes: number | null;
    forwardedBytes: () => number;
    log: Logger;
  }) {
    this.#file = join(options.folder, MONTH_VOLUME_FILE);
    this.#forwardedBytes = options.forwardedBytes;
    this.#log = options.log;
    const kept = this.#read();
    this.#volume = new MonthVolume(options.limitBytes, kept, Date.now());
    this.#written = JSON.stringify(this.#volume.kept);
    this.#timers = [
      setInterval(() => this.#look(), LOOK_INTERVAL_MS).unref(),
      setInterval(() => this.#write(), WRITE_INTERVAL_MS).unref(),
    ];
  }

  get bytes(): number {
    this.#look();
    return this.#volume.bytes;
  }

  get limitBytes(): number | null {
    return this.#volume.limitBytes;
  }

  /** Null for no limit. */
  set limitBytes(limitBytes: number | null) {
    this.#volume.limitBytes = limitBytes;
    this.#wasUsedUp = false;
  }

  get isUsedUp(): boolean {
    return this.#volume.isUsedUp;
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#look();
    this.#write();
  }

  #look(): void {
    const forwarded = this.#forwardedBytes();
    this.#volume.add(forwarded - this.#counted, Date.now());
    this.#counted = forwarded;
    const { isUsedUp, bytes, limitBytes } = this.#volume;
    if (isUsedUp && !this.#wasUsedUp)
      this.#log.warn({ bytes, limitBytes }, 'the volume of the month is used up: no new calls are relayed');
    this.#wasUsedUp = isUsedUp;
  }

  #read() {
    const text = readFileIfThere(this.#file);
    if (text === null) return null;
    const kept = parseMonthBytes(text);
    if (kept === null)
      this.#log.warn(
        { file: this.#file },
        'the file is damaged: the volume of the month is counted from zero',
      );
    return kept;
  }

  #write(): void {
    const text = JSON.stringify(this.#volume.kept);
    if (text === this.#written) return;
    try {
      writePrivateFile(this.#file, text, { durable: false });
      this.#written = text;
    } catch (error) {
      this.#log.warn({ err: error }, 'the volume of the month cannot be written down');
    }
  }
}
