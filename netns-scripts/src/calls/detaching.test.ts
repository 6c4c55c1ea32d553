import type { Program, ProgramEvent } from '@overcall/harness';
import { expect, test } from 'vitest';
import { detachFaults } from './detaching.ts';

/** A softphone that has said this, and then ended. */
const softphone = (name: string, said: [at: number, supernode: string][]) => ({
  name,
  waitFor: async (...[wanted, options]: Parameters<Program['waitFor']>): Promise<ProgramEvent> => {
    const events = said.map(([at, supernode]) => ({ event: 'detached', at, supernode }));
    const found = events.find((event) => event.event === wanted && options?.where?.(event));
    if (found === undefined) throw new Error('ended');
    return found;
  },
});

const SUPERNODE = 'supernode';

test('softphones that give a supernode up in time are well', async () => {
  const [alice, carol] = [softphone('alice', [[9000, SUPERNODE]]), softphone('carol', [[11_000, SUPERNODE]])];
  expect(await detachFaults([alice, carol], { supernode: SUPERNODE, withinMs: 10_000 }, 1000)).toEqual([]);
  expect(await detachFaults([alice, carol], { supernode: SUPERNODE }, 1000)).toEqual([]);
});

test.for<[what: string, said: [number, string][], fault: string]>([
  ['never', [], 'alice did not give up supernode'],
  ['another one', [[2000, 'supernode-b']], 'alice did not give up supernode'],
  ['before anything had happened', [[900, SUPERNODE]], 'alice did not give up supernode'],
  ['late', [[11_001, SUPERNODE]], 'alice gave up supernode after 10001 ms, more than 10000 ms'],
])('%s is a fault', async ([, said, fault]) => {
  const demand = { supernode: SUPERNODE, withinMs: 10_000 };
  expect(await detachFaults([softphone('alice', said)], demand, 1000)).toEqual([fault]);
});
