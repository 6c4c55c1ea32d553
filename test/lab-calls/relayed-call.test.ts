import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Network } from '@overcall/harness';
import { readRecording } from '@overcall/media';
import { loadScenario, openLabStage } from '@overcall/nat-lab';
import { ALIKE_THRESHOLD, speechSimilarity } from '@overcall/quality';
import { DatagramType, MEDIA_HEADER_BYTES, TAG_BYTES } from '@overcall/wire';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeLab } from '../nat-lab/describe-lab.ts';

const RECORDINGS = join(import.meta.dirname, '..', 'recordings');
/** Names long enough not to turn up in random bytes by chance. */
const USERS = ['alice-the-caller', 'bob-the-callee'] as const;

await describeLab('a call between two port-restricted NATs, direct packets dropped', () => {
  let folder: string;
  let network: Network;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'overcall-netns-'));
    network = await Network.start(await openLabStage(loadScenario('natPair')), folder);
    await Promise.all([network.register('alice', USERS[0]), network.register('bob', USERS[1])]);
  });
  afterAll(async () => {
    await network?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('carries 10 s of speech both ways through a supernode that sees no Opus, no name and no key', async () => {
    const pcap = join(folder, 'supernode.pcap');
    const capture = await network.stage.capture('supernode', pcap);
    const said = { alice: join(RECORDINGS, 'alice.wav'), bob: join(RECORDINGS, 'bob.wav') };
    const heard = { alice: join(folder, 'alice-heard.wav'), bob: join(folder, 'bob-heard.wav') };
    const bob = network.overcall(
      'bob',
      USERS[1],
      'listen',
      '--auto-answer',
      '--once',
      '--play',
      said.bob,
      '--record',
      heard.bob,
    );
    await bob.waitFor('attached');
    const alice = network.overcall(
      'alice',
      USERS[0],
      'call',
      USERS[1],
      '--play',
      said.alice,
      '--record',
      heard.alice,
      '--duration',
      '14',
    );
    const ended = await alice.waitFor('ended', { patienceMs: 40_000 });
    expect(await alice.exited).toBe(0);
    expect(await bob.exited).toBe(0);
    await capture!.stop();

    expect(alice.find('path')).toMatchObject({ kind: 'relay', transport: 'udp', via: ['supernode'] });
    expect((ended.totals as Record<string, number>).receivedPackets).toBeGreaterThan(600);
    expect(await alike(said.alice, heard.bob)).toBeGreaterThan(ALIKE_THRESHOLD);
    expect(await alike(said.bob, heard.alice)).toBeGreaterThan(ALIKE_THRESHOLD);
    expectNothingReadable(readFileSync(pcap));
  });

  async function alike(source: string, recording: string): Promise<number> {
    return speechSimilarity(await readRecording(source), await readRecording(recording)).similarity;
  }

  /** No name and no key passed the supernode in the clear, and every byte of the media looks random. */
  function expectNothingReadable(pcap: Buffer): void {
    const homes = USERS.map((user) => readFileSync(join(network.homeOf(user), 'keys.json'), 'utf8'));
    const keys = homes.flatMap((text) =>
      [...text.matchAll(/"[xd]": "([A-Za-z0-9_-]{43})"/g)].map((match) => match[1]!),
    );
    expect(keys).toHaveLength(12);
    for (const key of keys) {
      expect(pcap.includes(key)).toBe(false);
      expect(pcap.includes(Buffer.from(key, 'base64url'))).toBe(false);
    }
    for (const name of USERS) expect(pcap.includes(name)).toBe(false);
    const packets = mediaPackets(pcap);
    expect(packets.length).toBeGreaterThan(1300);
    // In plain Opus the first byte of every packet is the same, and so are kind and high frame number before it.
    for (let at = MEDIA_HEADER_BYTES; at < MEDIA_BYTES; at++) {
      expect(new Set(packets.map((packet) => packet[at])).size).toBeGreaterThan(200);
    }
  }
});

const MEDIA_BYTES = MEDIA_HEADER_BYTES + 3 + 60 + TAG_BYTES;

/** UDP payloads of the size and type of media in a pcap file (24 bytes of header, 16 before each record). */
function mediaPackets(pcap: Buffer): Buffer[] {
  const packets: Buffer[] = [];
  for (let at = 24; at + 16 <= pcap.length; ) {
    const length = pcap.readUInt32LE(at + 8);
    const payload = pcap.subarray(at + 16, at + 16 + length).subarray(-MEDIA_BYTES);
    if (length > MEDIA_BYTES && payload[0] === DatagramType.Media) packets.push(payload);
    at += 16 + length;
  }
  return packets;
}
