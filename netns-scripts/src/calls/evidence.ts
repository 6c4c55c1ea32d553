import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Program } from '@overcall/harness';
import type { Capture } from '../capture.ts';
import type { Lab } from '../lab.ts';

/** Captures at several hosts, one file each in a folder. */
export class Captures {
  readonly #captures: Capture[];

  private constructor(captures: Capture[]) {
    this.#captures = captures;
  }

  /** @param prefix of the file names, say `3-` */
  static async start(lab: Lab, hosts: readonly string[], folder: string, prefix = ''): Promise<Captures> {
    const files = hosts.map((host) => [host, join(folder, `${prefix}${host}.pcap`)] as const);
    return new Captures(await Promise.all(files.map(([host, file]) => lab.capture(host, file))));
  }

  /** Everything that passed before is then in the files, which stay or go. */
  async stop({ keep }: { keep: boolean }): Promise<void> {
    await Promise.allSettled(this.#captures.map((capture) => capture.stop()));
    if (!keep) for (const { file } of this.#captures) rmSync(file, { force: true });
  }
}

/** Writes what programs said: events to `NAME.jsonl`, standard error, if any, to `NAME.stderr`. Returns the names. */
export function writeLogs(programs: readonly Program[], folder: string, prefix = ''): string[] {
  const seen = new Map<string, number>();
  return programs.flatMap(({ name, events, stderr }) => {
    const words = name.replace(': overcall', '').replaceAll(/[^A-Za-z0-9]+/g, '-');
    const count = (seen.get(words) ?? 0) + 1;
    seen.set(words, count);
    const base = `${prefix}${words}${count === 1 ? '' : `-${count}`}`;
    const files = [[`${base}.jsonl`, events.map((event) => `${JSON.stringify(event)}\n`).join('')]];
    if (stderr !== '') files.push([`${base}.stderr`, stderr]);
    for (const [file, text] of files) writeFileSync(join(folder, file!), text!);
    return files.map(([file]) => file!);
  });
}
