import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Brings the log of an SQLite database (`PATH-wal`) to the disk, beside the event loop: SQLite itself, told to, would keep the
 * whole process waiting, which in a call is a gap. One fsync serves all that were committed before it began. A commit that
 * another process has moved from the log into the database meanwhile is on the disk already: that is what moves it last
 * (sqlite.org/wal.html).
 */
export class DiskLog {
  readonly #path: string;
  #file: Promise<FileHandle | null> | null = null;
  #running: Promise<void> = Promise.resolve();
  /** The one that begins when the one that runs is over. */
  #next: Promise<void> | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  /** Resolves when all that is committed by now is on the disk. */
  flush(): Promise<void> {
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#running = this.#sync();
        this.#next = null;
        return this.#running;
      });
    return this.#next;
  }

  async #sync(): Promise<void> {
    this.#file ??= this.#open();
    const file = await this.#file.catch((error) => {
      this.#file = null;
      throw error;
    });
    await file?.datasync();
  }

  /** Null where the database has no log: see message-store.ts. */
  async #open(): Promise<FileHandle | null> {
    const file = await open(`${this.#path}-wal`, 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    // That there is such a file must outlive a power cut too.
    const folder = await open(dirname(this.#path), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
    return file;
  }

  async close(): Promise<void> {
    await this.#next?.catch(() => {});
    await this.#running.catch(() => {});
    await (await this.#file)?.close();
  }
}
