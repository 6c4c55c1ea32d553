import { randomBytes } from 'node:crypto';
import type { SupernodeEntry } from '@overcall/identity';
import { expect, it } from 'vitest';
import { WitnessChoice } from './choose-witnesses.ts';

const MINUTES = 60_000;
const entry = (...udp: string[]) => ({ udp, control: udp }) as SupernodeEntry;
const supernode = (keyId: string, ...udp: string[]) => ({ keyId, entry: entry(...udp) });
/** `count` supernodes of the network 10.0.`network`.0/24. */
const crowd = (network: number, count: number) =>
  Array.from({ length: count }, (_, i) => supernode(`${network} ${i}`, `10.0.${network}.${i}:3478`));
const networkOf = ({ keyId }: { keyId: string }) => keyId.split(' ')[0];
const CANDIDATE = entry('192.0.2.1:3478');

it('are of different networks, however many one network has', () => {
  const choice = new WitnessChoice(randomBytes(32));
  const others = [...crowd(1, 200), ...crowd(2, 1), ...crowd(3, 1), ...crowd(4, 1)];
  for (let n = 0; n < 20; n++) {
    const chosen = choice.choose(others, CANDIDATE, n * 10 * MINUTES);
    expect(chosen.map(networkOf).sort()).toEqual(['1', '2', '3', '4']);
  }
});

it('are of the network of the candidate last', () => {
  const near = entry('10.0.1.250:1');
  const chosen = new WitnessChoice(randomBytes(32)).choose([...crowd(1, 50), ...crowd(2, 2)], near, 0);
  expect(chosen.map(networkOf)).toEqual(['2', '2', '1', '1']);
});

it('stay the same for a network while it asks again, and are others later', () => {
  const choice = new WitnessChoice(randomBytes(32));
  const others = Array.from({ length: 100 }, (_, i) => crowd(i, 1)[0]!);
  const chosen = (of: SupernodeEntry, nowMs: number) =>
    choice.choose(others, of, nowMs).map(({ keyId }) => keyId);
  const first = chosen(CANDIDATE, 0);
  expect(chosen(entry('192.0.2.77:9'), 9 * MINUTES)).toEqual(first);
  const changes = [chosen(CANDIDATE, 10 * MINUTES), chosen(entry('192.0.3.1:3478'), 0)];
  for (const other of changes) expect(other).not.toEqual(first);
});

it('can try each family that the candidate has', () => {
  const v6 = [supernode('v6 0', '[2001:db8:1::1]:3478'), supernode('v6 1', '[2001:db8:2::1]:3478')];
  const candidate = entry('192.0.2.1:3478', '[2001:db8:3::1]:3478');
  const others = [...Array.from({ length: 50 }, (_, i) => crowd(i, 1)[0]!), ...v6];
  const chosen = new WitnessChoice(randomBytes(32)).choose(others, candidate, 0);
  expect(chosen.map(networkOf).filter((network) => network === 'v6')).toHaveLength(2);
  expect(chosen).toHaveLength(4);
});
