import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Debian's package and the names that others give it. */
export const CHROMIUM = 'chromium';

/** Nothing of what a browser fetches, checks or reports by itself; and it finds no host but this one. */
const QUIET = [
  '--headless=new',
  '--no-first-run',
  '--no-default-browser-check',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-domain-reliability',
  '--disable-extensions',
  '--disable-gpu',
  '--disable-sync',
  '--metrics-recording-only',
  '--no-pings',
  '--no-proxy-server',
  '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
  '--disable-features=Translate,OptimizationHints,MediaRouter',
  '--force-device-scale-factor=1',
  '--hide-scrollbars',
];

/** Opens a page in a browser of its own, and waits until it is drawn. Returns what it printed on stdout and stderr. */
export async function browse(
  url: string,
  flags: readonly string[],
): Promise<{ stdout: string; stderr: string }> {
  const profile = mkdtempSync(join(tmpdir(), 'overcall-chromium-'));
  // Its sandbox wants another user than root; the page is our own.
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  try {
    const argv = [
      ...QUIET,
      ...sandbox,
      `--user-data-dir=${profile}`,
      '--enable-logging=stderr',
      ...flags,
      url,
    ];
    return await promisify(execFile)(CHROMIUM, argv, { maxBuffer: 1e8, timeout: 60_000 });
  } finally {
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
