import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { DirectoryStatement, generateSigningKey, verifyObject } from '@overcall/identity';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { startDirectory } from './start.ts';
import { TestDirectory } from './test-support.ts';

const open: TestDirectory[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((directory) => directory.close()));
});

async function start(options: Parameters<typeof TestDirectory.start>[0] = {}): Promise<TestDirectory> {
  const test = await TestDirectory.start(options);
  open.push(test);
  return test;
}

/** Sends bytes as they are and collects whatever comes back. */
function exchange(url: string, bytes: string | Uint8Array): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.end(bytes));
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET') reject(error);
    });
  });
}

describe('the HTTP server', () => {
  it.each([
    ['debug', ['answered']],
    ['silent', []],
  ])('logs what was asked, and leaves where it listens to who started it (%s)', async (level, messages) => {
    const logged: string[] = [];
    const logger = pino({ level }, { write: (line: string) => void logged.push(JSON.parse(line).msg) });
    const directory = await startDirectory({ logger });
    await fetch(`${directory.url}/healthz`);
    await directory.close();
    expect(logged).toEqual(messages);
  });

  it('serves its description, health and metrics', async () => {
    const { directory } = await start();
    const openapi = await (await fetch(`${directory.url}/openapi.json`)).json();
    expect(openapi).toMatchObject({ openapi: '3.1.0', info: { title: 'Overcall directory' } });
    const paths = (openapi as { paths: object }).paths;
    expect(Object.keys(paths)).toEqual([
      ...[
        '/v1/directory',
        '/v1/challenges',
        '/v1/users',
        '/v1/lookups',
        '/v1/revocations',
        '/v1/supernodes',
        '/v1/departures',
        '/v1/reports',
      ],
      ...['/healthz', '/readyz'],
    ]);
    expect((await fetch(`${directory.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${directory.url}/readyz`)).status).toBe(200);
    expect(await (await fetch(`${directory.url}/metrics`)).text()).toContain(
      'overcall_directory_request_seconds',
    );
  });

  it('counts refusals by code, and no names', async () => {
    const test = await start();
    await test.register('zaphod', await generateSigningKey());
    await test.register('zaphod', await generateSigningKey());
    const metrics = await (await fetch(`${test.directory.url}/metrics`)).text();
    expect(metrics).toContain('overcall_directory_refusals_total{code="name-taken"} 1');
    expect(metrics).toContain('overcall_directory_certificates_total{kind="new"} 1');
    expect(metrics).not.toContain('zaphod');
  });

  it('answers everything it refuses with a code and a message', async () => {
    const { directory } = await start();
    const post = (path: string, body: string, type = 'application/json') =>
      fetch(directory.url + path, { method: 'POST', body, headers: { 'content-type': type } });
    const cases: [Promise<Response>, number, string][] = [
      [fetch(`${directory.url}/nowhere`), 404, 'not-found'],
      [fetch(`${directory.url}/v1/users`, { method: 'DELETE' }), 404, 'not-found'],
      [fetch(`${directory.url}/%zz`), 400, 'request-malformed'],
      [post('/v1/users', '{'), 400, 'request-malformed'],
      [post('/v1/users', '{"registration":5}'), 400, 'request-malformed'],
      [post('/v1/users', '{"__proto__":{}}'), 400, 'request-malformed'],
      [post('/v1/users', 'hello', 'text/plain'), 415, 'media-type-unsupported'],
      [post('/v1/users', JSON.stringify({ registration: 'x'.repeat(40_000) })), 413, 'request-too-large'],
    ];
    for (const [answer, status, code] of cases) {
      const { status: got, headers } = await answer;
      expect(got).toBe(status);
      expect(headers.get('content-type')).toContain('application/json');
      expect(await (await answer).json()).toEqual({ code, message: expect.any(String) });
    }
  });

  it('answers bytes that are not HTTP with 400, and goes on', async () => {
    const { directory } = await start();
    for (const bytes of [
      '\u0000\u0001',
      'GET\r\n\r\n',
      '\x16\x03\x01\x02\x00',
      `GET / HTTP/1.1\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
    ]) {
      expect(await exchange(directory.url, bytes)).toMatch(/^HTTP\/1\.1 400 .*"code":"request-malformed"/s);
    }
    expect((await fetch(`${directory.url}/healthz`)).status).toBe(200);
  });

  it('limits the requests of one address, but for monitoring', async () => {
    const { directory } = await start({ requestsPerMinute: 3 });
    for (let i = 0; i < 3; i++) expect((await fetch(`${directory.url}/v1/directory`)).status).toBe(200);
    const answer = await fetch(`${directory.url}/v1/directory`);
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await answer.json()).toMatchObject({ code: 'rate-limited' });
    expect((await fetch(`${directory.url}/healthz`)).status).toBe(200);
  });

  it('speaks TLS with a certificate that its key vouches for', async () => {
    const { directory, clock } = await start({ tls: 'self' });
    const { hostname, port } = new URL(directory.url);
    const seen = await new Promise<string>((resolve, reject) => {
      const socket = connectTls({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
        resolve(createHash('sha256').update(socket.getPeerCertificate().raw).digest('hex'));
        socket.destroy();
      });
      socket.on('error', reject);
    });
    const { body } = await open[0]!.request('GET', '/v1/directory');
    const options = { audience: directory.keyId, nowMs: clock.nowMs };
    const statement = await verifyObject(
      DirectoryStatement,
      body?.statement as string,
      directory.key,
      options,
    );
    expect(directory.url).toMatch(/^https:/);
    expect(statement.tlsSha256).toBe(seen);
  });

  it('speaks plain HTTP beyond loopback only when told to', async () => {
    await expect(startDirectory({ listen: '0.0.0.0:0' })).rejects.toThrow(
      expect.objectContaining({ code: 'usage', remedy: expect.stringContaining('--insecure-http') }),
    );
    const test = await start({ listen: '0.0.0.0:0', insecureHttp: true });
    expect(test.directory.url).toMatch(/^http:\/\/0\.0\.0\.0:\d+$/);
  });

  it('names the port that is in use', async () => {
    const { directory } = await start();
    const address = new URL(directory.url).host;
    await expect(startDirectory({ listen: address })).rejects.toThrow(
      expect.objectContaining({ code: 'port-in-use', message: expect.stringContaining(address) }),
    );
  });
});
