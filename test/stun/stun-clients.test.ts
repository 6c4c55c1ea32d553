import { execFile, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startDirectory } from 'overcall-directory';
import { startSupernode } from 'overcall-supernode';
import { afterAll, beforeAll, expect, it } from 'vitest';

/** Standard STUN clients of Debian against the supernode's UDP port. */
const run = promisify(execFile);
/** These clients wait forever for an answer. */
const LIMIT = { timeout: 20_000 };
const cleanups: (() => unknown)[] = [];
let port: number;
let alternatePort: number;

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'overcall-stun-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const directory = await startDirectory({ listen: '127.0.0.1:0' });
  cleanups.push(() => directory.close());
  // Two addresses with the same two ports, as RFC 5780 wants them.
  [port, alternatePort] = await freePorts();
  const addresses = ['127.0.0.1', '127.0.0.2'];
  const supernode = await startSupernode({
    directory: directory.pinnedUrl,
    listen: addresses.map((address) => `${address}:${port}`),
    publicAddresses: addresses,
    stunAltPort: alternatePort,
    name: 'stun',
    dataDirectory: folder,
  });
  cleanups.push(() => supernode.close());
});
afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

/** Where the program is missing the test is skipped by name; CI installs it, so there it must run. */
function itWith(program: string, aptPackage: string, name: string, test: () => Promise<void>): void {
  const isMissing = spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0;
  const isSkipped = isMissing && !process.env.CI;
  it.skipIf(isSkipped)(isSkipped ? `${name} (needs ${program}: apt install ${aptPackage})` : name, test);
}

/** Two ports that were free a moment ago, at the same time: so they differ. */
async function freePorts(): Promise<[number, number]> {
  const sockets = [createSocket('udp4'), createSocket('udp4')] as const;
  for (const socket of sockets) await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const [first, second] = sockets.map((socket) => socket.address().port) as [number, number];
  for (const socket of sockets) await new Promise<void>((resolve) => socket.close(() => resolve()));
  return [first, second];
}

itWith(
  'turnutils_stunclient',
  'coturn',
  'turnutils_stunclient (RFC 5389) gets its mapped address',
  async () => {
    const { stdout } = await run('turnutils_stunclient', ['-p', String(port), '127.0.0.1'], LIMIT);
    expect(stdout).toMatch(/UDP reflexive addr: 127\.0\.0\.1:\d+/);
  },
);

itWith('stun', 'stun-client', 'stun (RFC 3489) gets its mapped address', async () => {
  // It uses the one after it too.
  const [local] = await freePorts();
  const args = [`127.0.0.1:${port}`, '-v', '-p', String(local)];
  // Its exit code tells the kind of NAT, so it is not 0.
  const output = await run('stun', args, LIMIT).catch((error: { stdout: string; stderr: string }) => error);
  const text = output.stdout + output.stderr;
  expect(text).toContain(`MappedAddress = 127.0.0.1:${local}`);
  expect(text).not.toContain('Primary: Blocked or could not reach STUN server');
});

itWith(
  'turnutils_natdiscovery',
  'coturn',
  'turnutils_natdiscovery (RFC 5780) tells mapping and filtering',
  async () => {
    const args = ['-m', '-f', '-p', String(port), '-L', '127.0.0.1', '127.0.0.1'];
    const { stdout } = await run('turnutils_natdiscovery', args, LIMIT);
    expect(stdout).toContain(`Other addr: : 127.0.0.2:${alternatePort}`);
    expect(stdout).toContain('No NAT! (Endpoint Independent Mapping)');
    expect(stdout).toContain('NAT with Endpoint Independent Filtering!');
  },
);

itWith(
  'turnutils_natdiscovery',
  'coturn',
  'turnutils_natdiscovery (RFC 5780) tells the lifetime of a mapping',
  async () => {
    const args = ['-t', '-T', '1', '-p', String(port), '-L', '127.0.0.1', '127.0.0.1'];
    const { stdout } = await run('turnutils_natdiscovery', args, LIMIT);
    expect(stdout).toContain('Mapping Lifetime');
    expect(stdout).not.toContain('timeout');
  },
);
