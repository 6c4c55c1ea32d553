import type { Program, ProgramEvent } from '@overcall/harness';
import { type CallSpec, type LabSpec, supernodesOf } from '../spec.ts';

/** For one that should have given up a supernode long ago: then it never does, ms. */
const PATIENCE_MS = 30_000;

type Demand = NonNullable<CallSpec['detaches']>;

/** Starts a softphone that is only there, and waits until it is attached to as many supernodes as there can be. */
export async function startIdle(listener: Program, spec: LabSpec): Promise<Program> {
  const wanted = Math.min(2, supernodesOf(spec).length);
  const attached = () => new Set(listener.events.filter(isAttached).map(({ supernode }) => supernode));
  await listener.waitFor('attached', { where: () => attached().size >= wanted });
  return listener;
}

const isAttached = ({ event }: ProgramEvent) => event === 'attached';

/** Softphones that still run are waited for. One line for each that did not give the supernode up in time. */
export async function detachFaults(
  programs: readonly Pick<Program, 'name' | 'waitFor'>[],
  { supernode, withinMs }: Demand,
  firstEventAt: number,
): Promise<string[]> {
  const faults = await Promise.all(
    programs.map(async (program) => {
      const where = ({ at, supernode: which }: ProgramEvent) =>
        which === supernode && Number(at) >= firstEventAt;
      const detached = await program
        .waitFor('detached', { where, patienceMs: PATIENCE_MS })
        .catch(() => null);
      if (detached === null) return `${program.name} did not give up ${supernode}`;
      const tookMs = Number(detached.at) - firstEventAt;
      if (withinMs === undefined || tookMs <= withinMs) return null;
      return `${program.name} gave up ${supernode} after ${tookMs} ms, more than ${withinMs} ms`;
    }),
  );
  return faults.filter((fault) => fault !== null);
}
