import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Lab, NAT_KINDS, natPair, startLab } from '@overcall/nat-lab';
import { afterEach, expect, test } from 'vitest';
import { Agent, type Endpoint } from './agent.ts';
import { describeLab } from './describe-lab.ts';

const PORT = 5000;

await describeLab('the pair of NATs', () => {
  let lab: Lab;
  afterEach(() => lab.close());

  /** Both learn their outside endpoint from the supernode, then send to each other's twice. Who hears whom? */
  async function punch(isExpected: boolean): Promise<{ aliceHears: boolean; bobHears: boolean }> {
    const [alice, bob, supernode] = ['alice', 'bob', 'supernode'].map((node) => new Agent(lab, node)) as [
      Agent,
      Agent,
      Agent,
    ];
    await Promise.all([alice.bind(PORT), bob.bind(PORT), supernode.bind(3478)]);
    const outside = async (agent: Agent, text: string): Promise<Endpoint> => {
      agent.send(text, PORT, supernode.at(3478));
      const { from } = await supernode.receive(text);
      supernode.send(`${text} answered`, 3478, from);
      await agent.receive(`${text} answered`);
      return from;
    };
    const [ofAlice, ofBob] = [await outside(alice, 'alice'), await outside(bob, 'bob')];
    expect([ofAlice[0], ofBob[0]]).toEqual([lab.addressOf('nat-a'), lab.addressOf('nat-b')]);
    const send = (round: number) => {
      alice.send(`to bob ${round}`, PORT, ofBob);
      bob.send(`to alice ${round}`, PORT, ofAlice);
    };
    send(1);
    // Who sent last is heard, and then both have sent.
    if (isExpected) await Promise.race([alice.receive('to alice 1'), bob.receive('to bob 1')]);
    else await alice.receiveAny([]);
    send(2);
    const heard = async (agent: Agent, texts: string[]) =>
      (await agent.receiveAny(texts, isExpected ? texts.slice(1) : [])).length > 0;
    return {
      aliceHears: await heard(alice, ['to alice 1', 'to alice 2']),
      bobHears: await heard(bob, ['to bob 1', 'to bob 2']),
    };
  }

  test('lets nothing pass directly', async () => {
    lab = await startLab(natPair());
    expect(await punch(false)).toEqual({ aliceHears: false, bobHears: false });
  });

  test('can be punched through when direct packets pass', async () => {
    const { portRestrictedCone } = NAT_KINDS;
    lab = await startLab(natPair(portRestrictedCone, portRestrictedCone, { direct: true }));
    expect(await punch(true)).toEqual({ aliceHears: true, bobHears: true });
  });

  test('cannot be punched through by guessing when both are symmetric', async () => {
    const { symmetric } = NAT_KINDS;
    lab = await startLab(natPair(symmetric, symmetric, { direct: true }));
    expect(await punch(false)).toEqual({ aliceHears: false, bobHears: false });
  });

  test('captures what passes at the supernode, to the last packet', async () => {
    lab = await startLab(natPair());
    const folder = await mkdtemp(join(tmpdir(), 'nat-lab-'));
    try {
      const [alice, supernode] = [new Agent(lab, 'alice'), new Agent(lab, 'supernode')];
      await Promise.all([alice.bind(PORT), supernode.bind(3478)]);
      const capture = await lab.capture('supernode', join(folder, 'supernode.pcap'));
      const texts = Array.from({ length: 200 }, (_, index) => `packet ${index};`);
      // Frozen meanwhile, as on a busy machine: it must still read on after it has been told to stop.
      const pid = processWith(capture.file);
      process.kill(pid, 'SIGSTOP');
      for (const text of texts) alice.send(text, PORT, supernode.at(3478));
      await supernode.receive(texts.at(-1)!);
      const stopped = capture.stop();
      process.kill(pid, 'SIGCONT');
      await stopped;
      const pcap = await readFile(capture.file);
      expect(texts.filter((text) => !pcap.includes(text))).toEqual([]);
      expect(packetCount(pcap)).toBeGreaterThanOrEqual(texts.length);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('says why a capture is impossible', async () => {
    lab = await startLab(natPair());
    await expect(lab.capture('alice', '/nowhere/x.pcap')).rejects.toMatchObject({
      code: 'capture-failed',
      message: expect.stringContaining('/nowhere/x.pcap'),
    });
    await expect(lab.capture('alice', '/dev/null', { interface: 'none' })).rejects.toThrow('interface none');
  });
});

/** The process that has this word on its command line. */
function processWith(word: string): number {
  const entry = readdirSync('/proc').find((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(word);
    } catch {
      return false; // it ended in the meantime
    }
  });
  return Number(entry ?? expect.fail(`no process with ${word}`));
}

/** Walks the records of a pcap file; throws if one is cut off. */
function packetCount(pcap: Buffer): number {
  expect(pcap.readUInt32LE(0)).toBe(0xa1b2c3d4);
  let count = 0;
  let offset = 24;
  for (; offset < pcap.length; count++) offset += 16 + pcap.readUInt32LE(offset + 8);
  expect(offset).toBe(pcap.length);
  return count;
}
