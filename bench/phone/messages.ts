/**
 * What a text message costs a softphone in a call: how long its event loop stands still for a write, and how long the sender
 * waits until the message is on the disk. `node bench/phone/messages.ts [TRIES]`; put what it prints into RESULTS.md beside it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, platform } from 'node:os';
import { join } from 'node:path';
import { MessageStore } from '../../apps/softphone/src/message-store.ts';
import { percentile } from '../percentile.ts';

const WRITER = '--writer';
/** Messages of somebody who writes as fast as he may come no faster than this, ms. */
const PAUSE_MS = 20;

interface Figures {
  blocked: number[];
  kept: number[];
}

const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

async function write(dataDir: string, peer: string, tries: number): Promise<Figures> {
  const store = new MessageStore({ dataDir });
  const figures: Figures = { blocked: [], kept: [] };
  for (let i = 0; i < tries; i++) {
    const message = {
      peer,
      direction: 'incoming',
      id: `${i}`,
      at: i,
      text: 'x'.repeat(100),
      state: 'received',
    } as const;
    const begun = performance.now();
    const added = store.add(message);
    figures.blocked.push(performance.now() - begun);
    await added;
    figures.kept.push(performance.now() - begun);
    await pause();
  }
  await store.close();
  return figures;
}

function rowOf(what: string, values: number[]): string {
  return `| ${what} | ${[0.5, 0.95, 1].map((share) => `${percentile(values, share).toFixed(1)} ms`).join(' | ')} | ${values.length} |`;
}

const [first, folderGiven] = process.argv.slice(2);
if (first === WRITER) {
  await write(folderGiven!, 'other', Number.POSITIVE_INFINITY);
} else {
  // Not below /tmp, which may be in memory.
  const build = join(import.meta.dirname, '../../build');
  mkdirSync(build, { recursive: true });
  const folder = mkdtempSync(join(build, 'bench-messages-'));
  const tries = Number(first ?? 300);
  const rows: string[] = [];
  // The first one opens the file, and makes it if there is none.
  const note = (where: string, { blocked: [opening, ...others], kept }: Figures) =>
    rows.push(
      rowOf(`event loop stands still for the first, ${where}`, [opening!]),
      rowOf(`event loop stands still, ${where}`, others),
      rowOf(`until it is on the disk, ${where}`, kept),
    );
  try {
    note('alone', await write(folder, 'alone', tries));
    const other = spawn(process.execPath, [import.meta.filename, WRITER, folder], { stdio: 'inherit' });
    await once(other, 'spawn');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    note('beside another softphone that writes', await write(folder, 'both', tries));
    other.kill();
    await once(other, 'close');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const date = new Date().toISOString().slice(0, 10);
  const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${platform()}, Node ${process.version}`;
  process.stdout.write(`${date}, ${machine}, load ${loadavg()[0]!.toFixed(1)} at the end\n\n`);
  process.stdout.write(
    `| what | median | p95 | longest | tries |\n|---|---|---|---|---|\n${rows.join('\n')}\n`,
  );
}
