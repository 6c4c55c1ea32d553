import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchDirectory, type KnownDirectory } from '@overcall/net';
import { type RunningDirectory, startDirectory } from 'overcall-directory';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { register } from './profile.ts';

let folder: string;
let directory: RunningDirectory;
let front: Server;
let known: KnownDirectory;
/** Paths of requests that got through to the directory. */
let heard: string[];
/** Of so many registrations the answer gets lost. */
let losses: number;

/** Stands before a directory and loses answers. */
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-register-'));
  directory = await startDirectory({ listen: '127.0.0.1:0' });
  [heard, losses] = [[], 0];
  front = createServer(async (request, response) => {
    const chunks = await request.toArray();
    const answer = await directory.app.inject({
      method: request.method as 'GET' | 'POST',
      url: request.url!,
      headers: { 'content-type': 'application/json' },
      ...(chunks.length === 0 ? {} : { payload: Buffer.concat(chunks) }),
    });
    heard.push(request.url!);
    if (request.url === '/v1/users' && losses-- > 0) response.destroy();
    else response.writeHead(answer.statusCode).end(answer.body);
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  const { port } = front.address() as AddressInfo;
  known = { ...(await fetchDirectory(directory.url)), url: `http://127.0.0.1:${port}` };
});
afterEach(async () => {
  await new Promise((resolve) => front.close(resolve));
  await directory.close();
  rmSync(folder, { recursive: true });
});

const registrations = () => heard.filter((path) => path === '/v1/users').length;

it('a registration whose answer gets lost is sent once more, and is the same one', async () => {
  losses = 1;
  const profile = await register({ dataDir: folder }, 'alice', known, { nowMs: Date.now() });
  expect(profile.name).toBe('alice');
  expect(registrations()).toBe(2);
});

it('and not a third time', async () => {
  losses = 3;
  const failed = register({ dataDir: folder }, 'alice', known, { nowMs: Date.now() });
  await expect(failed).rejects.toMatchObject({ code: 'directory-unreachable' });
  expect(registrations()).toBe(2);
});

it('one that is refused is not repeated', async () => {
  await register({ dataDir: join(folder, 'first') }, 'alice', known, { nowMs: Date.now() });
  const second = register({ dataDir: join(folder, 'second') }, 'alice', known, { nowMs: Date.now() });
  await expect(second).rejects.toMatchObject({ code: 'name-taken' });
  expect(registrations()).toBe(2);
});
