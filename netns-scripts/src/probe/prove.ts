import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { LabError } from '../errors.ts';
import type { Ground } from '../ground.ts';
import { INTERNET, type NatSpec } from '../spec.ts';
import type { Node } from '../wiring.ts';
import { behaviourOf, differences, type NatBehaviour } from './judge.ts';
import type { Measurement } from './messages.ts';

/** What a NAT was seen to do. */
export interface Proof extends NatBehaviour {
  nat: string;
  /** The node from which it was measured. */
  from: string;
}

const program = (name: string): string[] => [
  process.execPath,
  fileURLToPath(new URL(`${name}.ts`, import.meta.url)),
];

/**
 * Measures every NAT from inside, all at once, with a responder directly outside of it, and compares with what
 * the scenario says.
 * @throws LabError `nat-not-as-claimed`; `lab-setup-failed` if it cannot be measured
 */
export async function proveNats(
  ground: Ground,
  nats: readonly NatSpec[],
  nodes: readonly Node[],
): Promise<Proof[]> {
  const outsides = [...new Set(nats.map(({ behind }) => behind ?? INTERNET))];
  const responders = outsides.map((node) => ground.spawnOwn(node, program('responder')));
  try {
    await Promise.all(responders.map((child) => firstLine(child, 'the responder')));
    const proofs = await Promise.all(nats.map((nat) => measure(ground, nat, nodes)));
    const wrong = proofs.flatMap((proof, index) =>
      differences(nats[index]!, proof).map((difference) => `NAT "${proof.nat}": ${difference}`),
    );
    if (wrong.length > 0) throw new LabError('nat-not-as-claimed', wrong.join('\n'));
    return proofs;
  } finally {
    for (const child of responders) child.kill('SIGKILL');
  }
}

async function measure(ground: Ground, nat: NatSpec, nodes: readonly Node[]): Promise<Proof> {
  const inside = nodes.find(({ behind }) => behind === nat.name);
  if (!inside) throw new LabError('lab-setup-failed', `nobody is behind "${nat.name}" to measure it`);
  // A small block would be used up. Otherwise so many that random ports are not all close together by chance.
  const small = typeof nat.ports === 'object' && 'block' in nat.ports && nat.ports.block < 16;
  const prober = ground.spawnOwn(inside.name, [...program('prober'), small ? '3' : '6']);
  const line = await firstLine(prober, `measuring "${nat.name}" from "${inside.name}"`);
  return { nat: nat.name, from: inside.name, ...behaviourOf(JSON.parse(line) as Measurement) };
}

async function firstLine(child: ChildProcess, what: string): Promise<string> {
  let said = '';
  let complaint = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  child.stdout!.setEncoding('utf8');
  const ended = once(child, 'close').then(() => null);
  child.stdout!.on('data', (text: string) => {
    said += text;
  });
  while (!said.includes('\n'))
    if ((await Promise.race([once(child.stdout!, 'data'), ended])) === null && !said.includes('\n')) {
      const why =
        complaint
          .trim()
          .split('\n')
          .find((text) => text.includes('Error')) ?? 'it ended early';
      throw new LabError('lab-setup-failed', `${what}: ${why}`);
    }
  return said.split('\n')[0]!;
}
