import { createServer as createHttp, type RequestListener, type Server } from 'node:http';
import { createServer as createHttps, type Server as HttpsServer } from 'node:https';
import { type AddressInfo, createServer as createTcp } from 'node:net';
import {
  DirectoryStatement,
  directoryTrust,
  generateSigningKey,
  publicKeyOf,
  type SigningPrivateKey,
  signObject,
} from '@overcall/identity';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  challenge,
  fetchDirectory,
  fetchOtherList,
  fetchSupernodeList,
  parseDirectoryUrl,
  registerUser,
} from './directory-client.ts';
import { directoryClock } from './directory-clock.ts';
import { createSelfSigned, type TlsIdentity } from './self-signed-certificate.ts';

const servers: (Server | HttpsServer)[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

const certified = ({ key, certificate: cert }: TlsIdentity) => ({ key, cert });

/** A directory that says what it is told to. `firstTls` is shown to whoever asks first. Returns its URL and the paths that were asked for. */
async function serve(
  key: SigningPrivateKey,
  options: {
    tls?: TlsIdentity;
    firstTls?: TlsIdentity;
    tlsSha256?: string;
    answer?: { status: number; text: string };
  } = {},
): Promise<{ url: string; asked: string[] }> {
  const trust = await directoryTrust(publicKeyOf(key));
  const claims = {
    cnf: { jwk: trust.key },
    registration: 'open' as const,
    ...(options.tlsSha256 === undefined ? {} : { tlsSha256: options.tlsSha256 }),
  };
  const statement = await signObject(DirectoryStatement, claims, key, {
    audience: trust.keyId,
    nowMs: Date.now(),
    lifetimeS: 60,
  });
  const asked: string[] = [];
  const handle: RequestListener = (request, response) => {
    asked.push(request.url!);
    if (options.firstTls !== undefined) (server as HttpsServer).setSecureContext(certified(options.tls!));
    const isStatement = request.url === '/v1/directory';
    const { status, text } = isStatement
      ? { status: 200, text: JSON.stringify({ statement, key: trust.key, keyId: trust.keyId }) }
      : (options.answer ?? { status: 200, text: '{"nonce":"abc","list":"a.b.c"}' });
    response.writeHead(status, { 'content-type': 'application/json' }).end(text);
  };
  const tls = options.firstTls ?? options.tls;
  const server: Server | HttpsServer = tls ? createHttps(certified(tls), handle) : createHttp(handle);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`, asked };
}

describe('fetchDirectory', () => {
  it('pins the key of first contact, and takes one given in the URL', async () => {
    const key = await generateSigningKey();
    const { url } = await serve(key);
    const known = await fetchDirectory(url);
    expect(known).toMatchObject({ url, key: publicKeyOf(key), tlsSha256: null, registration: 'open' });
    expect(await fetchDirectory(`${url}/#${key.x}`, { pinnedKey: known.key })).toEqual(known);
  });

  it('refuses a changed key, pinned either way', async () => {
    const { url } = await serve(await generateSigningKey());
    const other = await generateSigningKey();
    const changed = { code: 'directory-key-changed' };
    await expect(fetchDirectory(`${url}#${other.x}`)).rejects.toMatchObject(changed);
    await expect(fetchDirectory(url, { pinnedKey: publicKeyOf(other) })).rejects.toMatchObject(changed);
  });

  it('allows plain HTTP on loopback only, unless told otherwise', async () => {
    const refused = { code: 'insecure-directory' };
    await expect(fetchDirectory('http://192.0.2.1')).rejects.toMatchObject(refused);
    await expect(fetchDirectory('http://127.0.0.1.example')).rejects.toMatchObject(refused);
    await expect(fetchDirectory('http://127.0.0.1:1')).rejects.toMatchObject({
      code: 'directory-unreachable',
    });
    await expect(fetchDirectory('http://[::1]:1')).rejects.toMatchObject({ code: 'directory-unreachable' });
  });

  it('takes a self-signed certificate that the key vouches for, and no other', async () => {
    const key = await generateSigningKey();
    const [tls, otherTls] = [await createSelfSigned('a', ['127.0.0.1']), await createSelfSigned('b', [])];
    const honest = await serve(key, { tls, tlsSha256: tls.sha256 });
    const known = await fetchDirectory(honest.url);
    expect(known.tlsSha256).toBe(tls.sha256);
    expect(await challenge(known)).toBe('abc');
    const between = await serve(key, { tls: otherTls, tlsSha256: tls.sha256 });
    await expect(fetchDirectory(between.url)).rejects.toMatchObject({ code: 'insecure-directory' });
    const silent = await serve(key, { tls });
    await expect(fetchDirectory(silent.url)).rejects.toMatchObject({ code: 'insecure-directory' });
  });

  it('sends nothing to a server with another certificate', async () => {
    const key = await generateSigningKey();
    const [tls, otherTls] = [await createSelfSigned('a', []), await createSelfSigned('b', [])];
    const known = await fetchDirectory((await serve(key, { tls, tlsSha256: tls.sha256 })).url);
    const impostor = await serve(key, { tls: otherTls });
    await expect(challenge({ ...known, url: impostor.url })).rejects.toMatchObject({
      code: 'insecure-directory',
    });
    expect(impostor.asked).toEqual([]);
  });
});

describe('answers', () => {
  it('are passed on when they are errors of the directory', async () => {
    const text = '{"code":"rate-limited","message":"try later"}';
    const { url } = await serve(await generateSigningKey(), { answer: { status: 429, text } });
    const known = await fetchDirectory(url);
    await expect(challenge(known)).rejects.toMatchObject({ code: 'rate-limited', message: 'try later' });
  });

  it('lose what could act on a terminal', async () => {
    const text = JSON.stringify({ code: 'odd\u0007', message: 'a\u001b[2J\nb\u202ec' });
    const { url } = await serve(await generateSigningKey(), { answer: { status: 400, text } });
    const known = await fetchDirectory(url);
    await expect(challenge(known)).rejects.toMatchObject({ code: 'odd', message: 'a[2Jbc' });
  });

  it.each([
    [200, 'not JSON'],
    [200, '{"nonce":5}'],
    [500, '<html>'],
    [204, ''],
  ])('of another kind (%i %j) mean that no directory answers there', async (status, text) => {
    const { url } = await serve(await generateSigningKey(), { answer: { status, text } });
    const known = await fetchDirectory(url);
    await expect(fetchSupernodeList(known)).rejects.toMatchObject({ code: 'directory-unreachable' });
    await expect(fetchOtherList(known, 1)).rejects.toMatchObject({ code: 'directory-unreachable' });
  });

  it('that the list has not changed is one to whoever named a version alone', async () => {
    const { url } = await serve(await generateSigningKey(), { answer: { status: 304, text: '' } });
    const known = await fetchDirectory(url);
    expect(await fetchOtherList(known, 1)).toBe(null);
    await expect(fetchSupernodeList(known)).rejects.toMatchObject({ code: 'directory-unreachable' });
  });
});

describe('parseDirectoryUrl', () => {
  it('splits URL and key', async () => {
    const { x } = await generateSigningKey();
    expect(parseDirectoryUrl(`https://d.example:8443/base/#${x}`)).toEqual({
      url: 'https://d.example:8443/base',
      pinnedKey: { kty: 'OKP', crv: 'Ed25519', x },
    });
  });

  it.each(['', 'd.example', 'ftp://d.example', 'https://d.example#tooshort'])('refuses %j', (text) => {
    expect(() => parseDirectoryUrl(text)).toThrowError(
      expect.objectContaining({ code: 'bad-directory-url' }),
    );
  });
});

describe('the clock of a directory', () => {
  it('is believed only over TLS that its key vouches for, at the very question', async () => {
    const key = await generateSigningKey();
    const [tls, otherTls] = await Promise.all(
      ['directory', 'between'].map((name) => createSelfSigned(name, ['127.0.0.1'])),
    );
    const honest = await serve(key, { tls: tls!, tlsSha256: tls!.sha256 });
    expect((await directoryClock(honest.url)).errorMs).toBeGreaterThanOrEqual(500);
    // Somebody in between answers that one question, and lets everything else pass.
    const between = await serve(key, { tls: tls!, firstTls: otherTls!, tlsSha256: tls!.sha256 });
    await expect(directoryClock(between.url)).rejects.toMatchObject({ code: 'insecure-directory' });
    // On a busy machine it is asked once more beside.
    expect(new Set(between.asked)).toEqual(new Set(['/v1/challenges', '/v1/directory']));
  });
});

describe('a directory that does not answer', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Takes requests; who asks first on each path hears nothing. */
  async function startForgetful() {
    const asked: string[] = [];
    let onAsked = () => {};
    const server = createHttp((request, response) => {
      const isFirst = !asked.includes(request.url!);
      asked.push(request.url!);
      if (!isFirst) response.writeHead(200).end('{"list":"a.b.c","nonce":"abc","certificate":"c"}');
      onAsked();
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const known = await fetchDirectory((await serve(await generateSigningKey())).url);
    const nextAsked = () => new Promise<void>((resolve) => (onAsked = resolve));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    return { known: { ...known, url: `http://127.0.0.1:${port}` }, asked, nextAsked };
  }

  it.each([
    ['the list', fetchSupernodeList, 'a.b.c'],
    ['a challenge', challenge, 'abc'],
  ])('is asked for %s once more beside', async (_what, ask, answer) => {
    const { known, asked, nextAsked } = await startForgetful();
    const heard = nextAsked();
    const answered = ask(known);
    await heard;
    vi.advanceTimersByTime(2000);
    expect(await answered).toBe(answer);
    expect(asked.length).toBe(2);
  });

  it('is not told twice what changes something', async () => {
    const { known, asked, nextAsked } = await startForgetful();
    const heard = nextAsked();
    const refused = expect(registerUser(known, 'r')).rejects.toMatchObject({ code: 'directory-unreachable' });
    await heard;
    vi.advanceTimersByTime(20_000);
    await refused;
    expect(asked.length).toBe(1);
  });

  it('is told of in words', async () => {
    const accepted = Promise.withResolvers<void>();
    const silent = createTcp((socket) => {
      socket.on('error', () => {});
      socket.on('data', () => accepted.resolve());
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const asked = fetchDirectory(`http://127.0.0.1:${port}`);
    const refused = expect(asked).rejects.toMatchObject({
      code: 'directory-unreachable',
      message: `directory http://127.0.0.1:${port} cannot be reached (no answer in time)`,
    });
    await accepted.promise;
    vi.advanceTimersByTime(10_000);
    await refused;
    await new Promise((resolve) => silent.close(resolve));
  });
});
