import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPrograms, programFile } from '@overcall/harness';
import {
  examineNetwork,
  type LabSpec,
  loadScenario,
  type NatSpec,
  natsOf,
  shippedScenarios,
  startLab,
} from '@overcall/nat-lab';
import { beforeAll, expect, test } from 'vitest';
import { atOnce } from '../nat-lab/at-once.ts';
import { describeLab } from '../nat-lab/describe-lab.ts';

/** Links that show no verdict that these do not: far, narrow, lossy, and all of that. The benchmark has every one. */
const LINKS = ['natPairDelay300', 'natPairNarrow', 'natPairLoss30', 'natPairWorst'];
const LIMIT_MS = 2000;
const AT_ONCE = 3;

type Spec = LabSpec & { name: string };

/** What is in front of a host, without names: NATs, their links, firewalls. */
function situationOf(spec: LabSpec, host: string): string {
  const nats = natsOf(spec, host);
  const nodes = [host, ...nats.map(({ name }) => name)];
  const kinds = nats.map(({ mapping, filtering, ports, hairpin, nat64, inside6, portMapping }) => [
    ...[mapping, filtering, ports, hairpin, nat64, inside6 === undefined, portMapping],
  ]);
  const links = (spec.links ?? []).filter(({ node }) => nodes.includes(node));
  const walls = (spec.firewalls ?? []).filter(({ at }) => nodes.includes(at));
  const { address, address6 } = spec.hosts.find(({ name }) => name === host)!;
  const addresses = [address === undefined, address6 === undefined];
  return JSON.stringify([kinds, links.map(({ node: _, ...link }) => link), walls, addresses]);
}

/** Each situation is examined once, in the first scenario that has it. */
function shared(specs: readonly Spec[]): { spec: Spec; name: string; hosts: string[] }[] {
  const seen = new Set<string>();
  return specs.flatMap((spec) => {
    const there = ['alice', 'bob'].filter((host) => spec.hosts.some(({ name }) => name === host));
    const hosts = there.filter((host) => {
      const situation = situationOf(spec, host);
      return !seen.has(situation) && seen.add(situation);
    });
    return hosts.length === 0 ? [] : [{ spec, name: spec.name, hosts }];
  });
}

function scenarios() {
  const pairs = ['pair:apdm-apdf,adm-adf', 'pair:apdm-eif,eim-eif'].map((name) => loadScenario(name));
  const counting = loadScenario('pair:apdm-apdf,apdm-adf');
  const ports: NatSpec['ports'][] = ['sequential', { block: 256 }];
  const nats = counting.nats!.map((nat, index) => ({ ...nat, ports: ports[index]! }));
  pairs.push({ ...counting, name: 'sequential-and-block', nats });
  const shipped = shippedScenarios().filter(
    ({ name, links, hosts }) =>
      (links === undefined || LINKS.includes(name)) && hosts.some((host) => host.name === 'directory'),
  );
  return shared([...shipped, ...pairs]);
}

await describeLab('overcall doctor', () => {
  beforeAll(buildPrograms);
  const inTurn = atOnce(AT_ONCE);

  // It waits for nearly all of its time: the others need not wait for it.
  test.concurrent('watches how long mappings live, when asked to', { timeout: 120_000 }, async ({
    expect,
  }) => {
    const spec = loadScenario('short-timeouts');
    const [examination] = await examineNetwork(spec, ['alice'], ['--lifetime', '30']);
    // 15 s in this scenario; what is asked for at that very time may find it or not.
    expect([
      { livesS: 10, goneAfterS: 15 },
      { livesS: 15, goneAfterS: 20 },
    ]).toContainEqual(examination!.found.mappingLifetime);
    expect(examination!.faults).toEqual([]);
  });

  test.concurrent.for(scenarios())(
    'is right in $name',
    { timeout: 120_000 },
    async ({ spec, hosts }, { expect }) => {
      const examinations = await inTurn(() => examineNetwork(spec, hosts));
      for (const { host, found, faults, tookMs } of examinations) {
        expect(faults, `${host}: ${JSON.stringify(found)}`).toEqual([]);
        expect(tookMs).toBeLessThan(LIMIT_MS);
      }
    },
  );

  test('asks no router with --no-port-mapping, nor when the directory is on loopback', async () => {
    const lab = await startLab(loadScenario('port-mapping-upnp'));
    const home = mkdtempSync(join(tmpdir(), 'nat-lab-doctor-'));
    try {
      const doctor = (...args: string[]) => {
        const argv = [
          process.execPath,
          programFile('softphone'),
          'doctor',
          '--json',
          '--home',
          home,
          ...args,
        ];
        const [program, ...rest] = lab.command('alice', argv);
        return JSON.parse(spawnSync(program!, rest, { encoding: 'utf8' }).stdout).portMapping;
      };
      const away = ['--directory', 'http://203.0.113.10:1', '--insecure-http'];
      const notAsked = { upnp: 'unknown', natPmp: 'unknown', pcp: 'unknown' };
      expect(doctor(...away)).toEqual({ upnp: 'yes', natPmp: 'no', pcp: 'no' });
      expect(doctor(...away, '--no-port-mapping')).toEqual(notAsked);
      expect(doctor('--directory', 'http://127.0.0.1:1')).toEqual(notAsked);
    } finally {
      await lab.close();
      rmSync(home, { recursive: true });
    }
  });
});
