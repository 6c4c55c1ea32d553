import { openLoopbackStage, type Stage } from '@overcall/harness';
import { checkLab } from './check.ts';
import { type Lab, startLab } from './lab.ts';
import { proxyEnvironment } from './proxies.ts';
import type { LabSpec } from './spec.ts';

/** A lab as the stage of a network of Overcall: places are its nodes, and closing the stage closes the lab. */
export function labStage(lab: Lab): Stage {
  const { about, name = 'a network' } = lab.spec;
  return {
    kind: 'lab',
    description: `network namespaces: ${about ?? name}`,
    addressOf: (place) => inUrl(lab.addressOf(place)),
    command: (place, argv) => lab.command(place, argv),
    environmentOf: (place) => proxyEnvironment(lab.spec, place, (name) => lab.addressOf(name)),
    capture: (place, file) => lab.capture(place, file),
    close: () => lab.close(),
  };
}

const inUrl = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/** Builds a network and proves its NATs. @throws LabError as `startLab` and `prove` do */
export async function openLabStage(spec: LabSpec): Promise<Stage> {
  const lab = await startLab(spec);
  try {
    await lab.prove();
  } catch (error) {
    await lab.close();
    throw error;
  }
  return labStage(lab);
}

/** The lab where this machine can have one, else loopback and the reason why. */
export async function openBestStage(spec: LabSpec): Promise<{ stage: Stage; whyNotLab: string | null }> {
  const check = await checkLab();
  if (check.possible) return { stage: await openLabStage(spec), whyNotLab: null };
  return { stage: openLoopbackStage(), whyNotLab: `${check.reason}; ${check.remedy}` };
}
