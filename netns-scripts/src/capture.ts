import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve as absolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LabError } from './errors.ts';
import { findTool } from './tools.ts';

export interface CaptureOptions {
  /** Default: all of the node's interfaces. */
  interface?: string;
}

export interface Capture {
  readonly file: string;
  /**
   * Resolves when the file is complete: everything is in it that had passed before the call. Tells the number of
   * packets in it, or null when the capture was killed, say by the end of the lab.
   */
  stop(): Promise<number | null>;
}

const program = fileURLToPath(new URL('capture.pl', import.meta.url));

/** @throws LabError `capture-failed` */
export async function startCapture(
  command: (argv: readonly string[]) => string[],
  file: string,
  options: CaptureOptions,
  started: (child: ChildProcess) => void,
): Promise<Capture> {
  const path = absolute(file);
  const argv = [findTool('perl')!, program, path, ...(options.interface ? [options.interface] : [])];
  const [first, ...args] = command(argv);
  // A session of its own: Ctrl-C is for what is captured, and the one who makes the capture ends it.
  const child = spawn(first!, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  started(child);
  const closed = once(child, 'close');
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  let said = '';
  const failure = () =>
    new LabError('capture-failed', `capture to ${file}: ${complaint.trim() || 'ended early'}`);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await Promise.race([once(child.stdout, 'data'), closed]);
  if (!said.startsWith('capturing\n')) throw failure();
  return {
    file: path,
    async stop() {
      child.kill('SIGTERM');
      const [code, signal] = await closed;
      // SIGKILL is the end of the lab: what was captured until then is in the file.
      if (code !== 0 && signal !== 'SIGKILL') throw failure();
      const [, packets] = /^(\d+) packets$/m.exec(said) ?? [];
      return packets === undefined ? null : Number(packets);
    },
  };
}
