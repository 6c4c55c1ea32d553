/**
 * What renewing a registration costs a directory: two requests (challenge, renewal), processor time of the directory's process
 * alone. `node bench/directory/run.ts [RENEWALS] [--main FILE]...`: each FILE is the main.ts of a directory to compare, this one's
 * by default; NATS where there is a nats-server. Put what it prints into RESULTS.md beside it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { NatsServer, Program, SKIPS_NATS } from '@overcall/harness';
import { generateSigningKey, publicKeyOf, Registration, signObject } from '@overcall/identity';
import { usedSeconds } from '../used-seconds.ts';

const AT_ONCE = 16;
const ROUNDS = 3;
const OWN = join(import.meta.dirname, '../../apps/directory/src/main.ts');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { main: { type: 'string', multiple: true } },
});
const RENEWALS = Number(positionals[0] ?? 3000);
const folder = mkdtempSync(join(tmpdir(), 'overcall-bench-'));

const post = async (url: string, body: object): Promise<Record<string, string>> => {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()) as Record<string, string>;
};

async function renew(
  url: string,
  keyId: string,
  name: string,
  key: Awaited<ReturnType<typeof generateSigningKey>>,
) {
  const { nonce } = await post(`${url}/v1/challenges`, {});
  const claims = { sub: name, cnf: { jwk: publicKeyOf(key) }, nonce: nonce! };
  const options = { audience: keyId, nowMs: Date.now(), lifetimeS: 60 };
  await post(`${url}/v1/users`, { registration: await signObject(Registration, claims, key, options) });
}

/** Renewals for each second of processor time of the directory. */
async function measure(main: string, args: string[], label: string): Promise<number[]> {
  // A folder of its own, also for one that is measured again.
  const data = mkdtempSync(join(folder, 'data-'));
  const argv = [process.execPath, main, 'run', '--listen', '127.0.0.1:0', '--data', data, '--json', ...args];
  const program = new Program(label, [...argv, '--log-level', 'silent', '--rate-limit', '1000000000']);
  try {
    const url = String((await program.waitFor('listening', { patienceMs: 120_000 })).url);
    const { keyId } = (await (await fetch(`${url}/v1/directory`)).json()) as { keyId: string };
    const keys = await Promise.all(Array.from({ length: AT_ONCE }, generateSigningKey));
    const round = async (count: number) => {
      let left = count;
      const before = usedSeconds(program.pid);
      await Promise.all(
        keys.map(async (key, index) => {
          while (left-- > 0) await renew(url, keyId, `user${index}`, key);
        }),
      );
      return Math.round(count / (usedSeconds(program.pid) - before));
    };
    await round(RENEWALS / 3);
    const figures = [];
    for (let i = 0; i < ROUNDS; i++) figures.push(await round(RENEWALS));
    return figures;
  } finally {
    await program.stop();
  }
}

const nats = SKIPS_NATS ? null : await NatsServer.start();
try {
  process.stdout.write(`${cpus()[0]!.model}, ${cpus().length} cores, load ${loadavg()[0]!.toFixed(1)}\n`);
  for (const main of values.main ?? [OWN]) {
    process.stdout.write(
      `${main}\n  sqlite: ${await measure(main, [], `sqlite ${main}`)} renewals a CPU second\n`,
    );
  }
  if (nats !== null) {
    const args = ['--store', `nats://${nats.address}?patience=60`];
    process.stdout.write(`  nats: ${await measure(OWN, args, 'nats')} renewals a CPU second\n`);
  }
} finally {
  await nats?.close();
  rmSync(folder, { recursive: true });
}
