import { generateSigningKey, keyIdOf, StatusReport } from '@overcall/identity';
import { expect, it, onTestFinished } from 'vitest';
import { START_MS, TestDirectory } from '../test-support.ts';

const REPORT = {
  draining: false,
  load: 1,
  calls: { relayUdp: 10, relayTcp: 0, overlay: 0 },
  links: [],
};

async function world() {
  const test = await TestDirectory.start();
  onTestFinished(() => test.close());
  const key = await generateSigningKey();
  await test.admit(key, { name: 'lighthouse' });
  const iss = await keyIdOf(key);
  let number = START_MS;
  const sign = (claims: object = {}, options: { audience?: string; nowMs?: number; by?: typeof key } = {}) =>
    test.sign(StatusReport, { iss, number: ++number, ...REPORT, ...claims } as never, options.by ?? key, {
      lifetimeS: 120,
      ...options,
    });
  const send = (report: string) => test.request('POST', '/v1/reports', { report });
  const pageHas = async (text: string) => {
    test.clock.nowMs += 6000;
    return (await test.directory.app.inject({ method: 'GET', url: '/' })).body.includes(text);
  };
  return { test, key, iss, sign, send, pageHas };
}

it('takes what a supernode of the list says of itself, and shows it until it is silent', async () => {
  const { test, sign, send, pageHas } = await world();
  expect(await send(await sign())).toMatchObject({ status: 200, body: { nextS: 60 } });
  expect(await pageHas('25 to 50%')).toBe(true);
  expect(await pageHas('at least 10')).toBe(true);
  test.clock.nowMs += 180_000;
  expect(await pageHas('25 to 50%')).toBe(false);
  expect(await pageHas('no report')).toBe(true);
});

it('takes no report twice, no older one, and none too soon', async () => {
  const { test, sign, send } = await world();
  const [first, second] = [await sign(), await sign()];
  expect((await send(second)).status).toBe(200);
  expect(await send(second)).toMatchObject({ status: 409, code: 'report-old' });
  test.clock.nowMs += 60_000;
  expect(await send(first)).toMatchObject({ status: 409, code: 'report-old' });
  expect((await send(await sign())).status).toBe(200);
  test.clock.nowMs += 10_000;
  const refused = await send(await sign());
  expect(refused).toMatchObject({ status: 429, code: 'rate-limited', headers: { 'retry-after': '20' } });
});

it('counts two copies that come at once as one', async () => {
  const { sign, send } = await world();
  const report = await sign();
  const answers = await Promise.all([send(report), send(report), send(report)]);
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
});

it('takes none that is dated wrongly, or of somebody else', async () => {
  const { test, sign, send } = await world();
  const stranger = await generateSigningKey();
  const refusals = [
    [await sign({}, { nowMs: START_MS - 600_000 }), 'signature-expired'],
    [await sign({}, { nowMs: START_MS + 600_000 }), 'signature-early'],
    [await sign({}, { audience: 'another directory' }), 'signature-wrong-audience'],
    [await sign({}, { by: stranger }), 'signature-invalid'],
    [await sign({ iss: await keyIdOf(stranger) }, { by: stranger }), 'not-listed'],
    ['a.b.c', 'signature-invalid'],
  ] as const;
  for (const [report, code] of refusals) expect((await send(report)).code).toBe(code);
  expect((await test.directory.app.inject({ method: 'GET', url: '/' })).body).toContain('no report');
});

it.each([
  ['calls that are not in tens', { calls: { ...REPORT.calls, relayUdp: 7 } }],
  ['a load that is no quarter', { load: 1.5 }],
  ['too many links', { links: Array(17).fill({ to: 'x'.repeat(43), rttMs: 1, lossPct: 0 }) }],
  ['a link to no key id', { links: [{ to: '<b>', rttMs: 1, lossPct: 0 }] }],
  ['a round trip that is a word', { links: [{ to: 'x'.repeat(43), rttMs: 'fast', lossPct: 0 }] }],
])('takes no report with %s', async (_what, claims) => {
  const { sign, send } = await world();
  expect((await send(await sign(claims))).code).toBe('signature-invalid');
});

it('takes no report of more than 4,096 characters, and the fullest one has fewer', async () => {
  const { sign, send } = await world();
  const links = Array(16).fill({ to: 'x'.repeat(43), rttMs: 60_000, lossPct: 100 });
  const calls = { relayUdp: 1_000_000, relayTcp: 1_000_000, overlay: 1_000_000 };
  const fullest = await sign({ links, calls, load: 4, draining: true });
  expect(fullest.length).toBeLessThan(2700);
  expect((await send(fullest)).status).toBe(200);
  expect((await send(await sign({ more: 'x'.repeat(4000) }))).code).toBe('request-malformed');
});
