import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeLab } from './describe-lab.ts';

const CLI = fileURLToPath(new URL('../../netns-scripts/main.ts', import.meta.url));

/** IPv4 packets in a pcap file of LINKTYPE_LINUX_SLL2 (20 bytes before each), as SOURCE>DESTINATION. */
function packets(file: string): string[] {
  const pcap = readFileSync(file);
  expect([pcap.readUInt32LE(0), pcap.readUInt32LE(20)]).toEqual([0xa1b2c3d4, 276]);
  const found: string[] = [];
  for (let at = 24; at < pcap.length; at += 16 + pcap.readUInt32LE(at + 8)) {
    const ip = at + 16 + 20;
    if (pcap.readUInt16BE(at + 16) !== 0x0800) continue;
    const address = (offset: number) => pcap.subarray(ip + offset, ip + offset + 4).join('.');
    found.push(`${address(12)}>${address(16)}`);
  }
  return found;
}

await describeLab('lab capture', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'nat-lab-capture-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const options = () => ({ cwd: folder, env: { ...process.env, INIT_CWD: folder } });
  const capture = (...argv: string[]) =>
    spawnSync(process.execPath, [CLI, 'capture', ...argv], { encoding: 'utf8', ...options() });

  test('writes a file for each host while a command runs, and ends as that did', () => {
    const ping = 'ping -c 2 -i 0.2 -W 5 203.0.113.20; exit 7';
    const { status, stdout } = capture('natPair', '--out', 'files', 'alice', '--', 'sh', '-c', ping);
    expect(status).toBe(7);
    expect(readdirSync(join(folder, 'files')).sort()).toEqual([
      'alice.pcap',
      'bob.pcap',
      'directory.pcap',
      'supernode.pcap',
    ]);
    const there = '192.168.1.10>203.0.113.20';
    const back = '203.0.113.20>192.168.1.10';
    const pings = packets(join(folder, 'files', 'alice.pcap')).filter((one) => [there, back].includes(one));
    expect(pings).toEqual([there, back, there, back]);
    expect(packets(join(folder, 'files', 'bob.pcap'))).not.toContain(there);
    const [, count] = /^supernode +(\d+) packets {2}\S+supernode.pcap$/m.exec(stdout)!;
    expect(Number(count)).toBeGreaterThanOrEqual(4);
    const tcpdump = spawnSync('tcpdump', ['-n', '-r', 'files/alice.pcap'], { encoding: 'utf8', cwd: folder });
    if (!tcpdump.error) expect(tcpdump.stdout.match(/ICMP echo reply/g)).toHaveLength(2);
  });

  test('captures where it is told to, and says so in JSON', () => {
    const { status, stdout } = capture(
      ...['--json', 'natPair', '--on', 'nat-a,internet', '--out', 'files'],
      ...['alice', '--', 'ping', '-c', '1', '-W', '5', '203.0.113.20'],
    );
    expect(status).toBe(0);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.filter(({ event }) => event !== 'output')).toMatchObject([
      { event: 'capturing', nodes: ['nat-a', 'internet'] },
      { event: 'exit', node: 'alice', code: 0 },
      { event: 'captured', node: 'nat-a', packets: expect.any(Number) },
      { event: 'captured', node: 'internet', packets: expect.any(Number) },
    ]);
    expect(packets(join(folder, 'files', 'internet.pcap'))).toContain('198.51.100.1>203.0.113.20');
  });

  test('plays the programs and events of a scenario, with results beside the files', () => {
    const scenario = {
      hosts: [
        { name: 'a', address: '203.0.113.1' },
        { name: 'b', address: '203.0.113.2' },
      ],
      programs: [{ on: 'a', run: ['ping', '-c', '1', '-W', '5', '203.0.113.2'], expectExit: 0 }],
    };
    writeFileSync(join(folder, 'my.json'), JSON.stringify(scenario));
    const { status, stdout } = capture('my.json');
    expect(stdout).toMatch(/^passed$/m);
    expect(status).toBe(0);
    const latest = join(folder, 'results', 'latest');
    expect(readdirSync(latest)).toEqual(expect.arrayContaining(['a.pcap', 'b.pcap', 'results.json']));
    expect(packets(join(latest, 'b.pcap'))).toContain('203.0.113.1>203.0.113.2');
  });

  test('ends at Ctrl-C before anybody is called', async () => {
    const child = spawn(process.execPath, [CLI, 'capture', '--json', 'natPair', '--out', 'files'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      ...options(),
    });
    let said = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      if (!said.includes('"capturing"') && text.includes('"capturing"')) child.kill('SIGINT');
      said += text;
    });
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(said).toMatch(/"event":"captured".*"node":"alice"/);
    expect(said).not.toMatch(/"event":"(serving|calling)"/);
  });

  test('ends after --seconds when nothing else ends it', () => {
    writeFileSync(
      join(folder, 'my.json'),
      JSON.stringify({ hosts: [{ name: 'a', address: '203.0.113.1' }] }),
    );
    const { status, stdout } = capture('my.json', '--seconds', '1', '--out', 'files');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^a +\d+ packets/m);
  });

  test('cuts a scenario short without calling that a failure', () => {
    const programs = [{ on: 'a', run: ['sleep', '1000'], expectExit: 0 }];
    writeFileSync(
      join(folder, 'my.json'),
      JSON.stringify({ hosts: [{ name: 'a', address: '203.0.113.1' }], programs }),
    );
    const { status, stdout } = capture('my.json', '--seconds', '1');
    expect(stdout).toMatch(/^passed$/m);
    expect(status).toBe(0);
  });

  test('refuses a node that is not there before it builds anything', () => {
    const { status, stderr } = capture('natPair', '--on', 'carol');
    expect(stderr).toContain('there is no "carol" in this lab');
    expect(status).toBe(2);
    expect(existsSync(join(folder, 'results'))).toBe(false);
    expect(capture('natPair', 'alice').stderr).toContain('NODE -- COMMAND');
  });
});
