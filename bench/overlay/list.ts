import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { pino } from 'pino';
import { SupernodeListStore } from '../../apps/softphone/src/supernode-list-store.ts';
import { DataFiles } from '../../apps/supernode/src/data-files.ts';
import { startSupernode } from '../../apps/supernode/src/supernode.ts';
import {
  generateSigningKey,
  keyIdOf,
  type ListedSupernode,
  publicKeyOf,
  type SigningPrivateKey,
  SupernodeList,
  signObject,
} from '../../packages/identity/src/index.ts';
import { median } from '../percentile.ts';

/**
 * What a newer supernode list costs a supernode and a softphone that are in the middle of calls: processor time, and for how long they did nothing
 * else. `node bench/overlay/list.ts [SUPERNODES REVOKED...]`; `longest` is the longest list that the schema allows. See docs/overlay.md.
 */
const PLANS = [
  [100, 100],
  [1_000, 1_000],
  [10_000, 50_000],
] as const;
const AUDIENCE_LIFETIME_S = 3600;
const TIMES = 5;

const directoryKey = await generateSigningKey();
const keyId = await keyIdOf(directoryKey);
const ownKey = await generateSigningKey();
const id = () => randomBytes(32).toString('base64url');

/** Keys are random bytes that nobody has the other half of: to make ten thousand takes long, and nobody signs with them. */
function entry(n: number): ListedSupernode {
  const address = [`198.18.${n >> 8}.${n & 255}:443`, `[2001:db8::${n.toString(16)}]:443`];
  const x = Buffer.concat([randomBytes(31), Buffer.of(0)]).toString('base64url');
  const key = { kty: 'OKP', crv: 'Ed25519', x } as const;
  const tlsSha256 = [randomBytes(32).toString('hex')];
  return { name: `supernode-${n}`, key, udp: address, control: address, tlsSha256, since: 1_800_000_000_000 };
}

/** Every member as long as its schema allows. */
function longest(n: number): ListedSupernode {
  const eight = (letter: string) => Array.from({ length: 8 }, () => letter.repeat(64));
  const tlsSha256 = ['ab'.repeat(32), 'cd'.repeat(32)];
  return { ...entry(n), name: '☎'.repeat(64), udp: eight('u'), control: eight('c'), tlsSha256 };
}

async function listOf(version: number, supernodes: ListedSupernode[], revoked: number): Promise<string> {
  const own = {
    ...entry(1),
    key: publicKeyOf(ownKey as SigningPrivateKey),
    udp: ['127.0.0.1:1'],
    control: ['127.0.0.1:1'],
  };
  const revokedDevices = Array.from({ length: revoked }, () => ({ identity: id(), device: id() }));
  const index = [{ seed: id(), closedAtMs: 1_900_000_000_000 }];
  const claims = { version, supernodes: [own, ...supernodes], index, revokedDevices };
  const options = { audience: keyId, nowMs: Date.now(), lifetimeS: AUDIENCE_LIFETIME_S };
  return signObject(SupernodeList, claims, directoryKey, options);
}

const threadMs = () => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

/** Processor time of this thread, ms, and the most of it between two turns of its event loop, ms: what others of the machine do adds nothing. */
async function measure(work: () => Promise<unknown>): Promise<{ cpuMs: number; stillMs: number }> {
  await delay(20);
  const beginMs = threadMs();
  let [turnMs, stillMs] = [beginMs, 0];
  const turns = setInterval(() => {
    const nowMs = threadMs();
    stillMs = Math.max(stillMs, nowMs - turnMs);
    turnMs = nowMs;
  }, 1);
  await work();
  // What was put off until the next turn belongs to it.
  await delay(200);
  clearInterval(turns);
  return { cpuMs: threadMs() - beginMs, stillMs };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

async function measureList(who: 'supernode' | 'softphone', small: string, big: string) {
  const folder = mkdtempSync(join(tmpdir(), 'overcall-bench-'));
  const worker = new Worker(new URL('./list-worker.ts', import.meta.url), { workerData: { list: big } });
  try {
    const [port] = (await once(worker, 'message')) as [number];
    const url = `http://127.0.0.1:${port}`;
    const known = {
      url,
      key: publicKeyOf(directoryKey),
      keyId,
      tlsSha256: null,
      registration: 'open' as const,
    };
    if (who === 'softphone') {
      const log = pino({ level: 'silent' });
      const store = new SupernodeListStore({ dataDir: folder }, known, [], log);
      await store.offer(small);
      return await measure(() => store.load());
    }
    const files = new DataFiles(folder);
    files.savePinnedDirectory(known);
    files.saveList(small);
    const listen = [`127.0.0.1:${await freePort()}`];
    const options = { listen, publicAddresses: ['127.0.0.1'], name: 'own', dataDirectory: folder };
    const supernode = await startSupernode({ directory: url, report: false, ...options });
    try {
      return await measure(() => supernode.refreshList());
    } finally {
      await supernode.close();
    }
  } finally {
    await worker.terminate();
    rmSync(folder, { recursive: true });
  }
}

const argv = process.argv.slice(2);
const isLongest = argv[0] === 'longest';
const asked = isLongest ? [[10_000, 100_000]] : argv.length > 0 ? [argv.map(Number)] : PLANS;
for (const [supernodes, revoked] of asked) {
  const small = await listOf(1, [], 0);
  const all = Array.from({ length: supernodes! - 1 }, (_, n) => (isLongest ? longest(n + 2) : entry(n + 2)));
  const big = await listOf(2, all, revoked!);
  for (const who of ['supernode', 'softphone'] as const) {
    const runs = [];
    for (let n = 0; n < TIMES; n++) runs.push(await measureList(who, small, big));
    const [cpuMs, stillMs] = [runs.map((run) => run.cpuMs), runs.map((run) => run.stillMs)].map((values) =>
      Math.round(median(values)),
    );
    const result = { who, supernodes, revoked, listMB: Math.round(big.length / 1e5) / 10, cpuMs, stillMs };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
}
