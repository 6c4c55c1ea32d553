import { LabError } from '../errors.ts';
import { NAT_KIND_NAMES, type NatKind, natKindNamed } from '../nat-pairs.ts';
import type { NatSpec } from '../spec.ts';

/** A row or column of the matrix. */
export interface NamedKind {
  /** As it was given: `eim-apdf`, `apdm-apdf:block=256`. */
  name: string;
  nat: NatKind;
}

const PORTS = /^(preserve|random|sequential)$|^(sequential|block)=(\d{1,4})$/;

/**
 * Reads `eim-apdf,apdm-apdf:block=256`: mapping and filtering, and perhaps how ports are given.
 * @throws LabError `bad-scenario`, naming the kind that is wrong
 */
export function readKinds(text: string): NamedKind[] {
  const names = text.split(',').map((name) => name.trim());
  for (const [index, name] of names.entries())
    if (names.indexOf(name) !== index)
      throw new LabError('bad-scenario', `--kinds: "${name}" is there twice`);
  return names.map((name) => ({ name, nat: readKind(name) }));
}

function readKind(name: string): NatKind {
  const [base = '', ports, ...rest] = name.split(':');
  const nat = natKindNamed(base);
  if (nat === null || rest.length > 0)
    throw new LabError('bad-scenario', `--kinds: "${name}" is none of ${NAT_KIND_NAMES.join(', ')}`);
  return ports === undefined ? nat : { ...nat, ports: readPorts(name, ports) };
}

function readPorts(name: string, text: string): NonNullable<NatSpec['ports']> {
  const [, word, rule, number] = PORTS.exec(text) ?? [];
  if (word !== undefined) return word as 'preserve' | 'random' | 'sequential';
  if (rule === 'sequential') return { sequential: Number(number) };
  if (rule === 'block') return { block: Number(number) };
  throw new LabError(
    'bad-scenario',
    `--kinds: "${name}": ports are preserve, random, sequential, sequential=STEP or block=N`,
  );
}
