import { setTimeout as delay } from 'node:timers/promises';
import { startLab } from '@overcall/nat-lab';
import { natContract } from '@overcall/sim/testing';
import { Agent } from './agent.ts';
import { describeLab } from './describe-lab.ts';

/** The cases that the simulation's NATs are put to as well: what is tried there holds here. */
await describeLab('a NAT of the lab', () =>
  natContract(async (scenario) => {
    const lab = await startLab(scenario);
    return {
      agent: (node) => new Agent(lab, node),
      addressOf: (node) => lab.addressOf(node),
      rebind: (nat) => lab.apply({ do: 'rebind', nat }),
      elapse: (ms) => delay(ms),
      close: () => lab.close(),
    };
  }),
);
