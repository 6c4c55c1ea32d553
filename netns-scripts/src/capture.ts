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
  /** Resolves when the file is complete: everything is in it that had passed before the call. */
  stop(): Promise<void>;
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
  const child = spawn(first!, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  started(child);
  const closed = once(child, 'close');
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const failure = () =>
    new LabError('capture-failed', `capture to ${file}: ${complaint.trim() || 'ended early'}`);
  const [said] = (await Promise.race([once(child.stdout, 'data'), closed])) as [unknown];
  if (!String(said).startsWith('capturing')) throw failure();
  return {
    file: path,
    async stop() {
      child.kill('SIGTERM');
      const [code, signal] = await closed;
      // SIGKILL is the end of the lab: what was captured until then is in the file.
      if (code !== 0 && signal !== 'SIGKILL') throw failure();
    },
  };
}
