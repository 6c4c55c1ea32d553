import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Network } from '@overcall/harness';
import {
  type CallReport,
  type Lab,
  type LabEvent,
  type LabSpec,
  labStage,
  placeCall,
  startLab,
  startListener,
} from '@overcall/nat-lab';

/** From the answer to what happens in the middle of a call, s: by then it is direct and has been for a while. */
const EVENT_AFTER_S = 2.5;
/** For the network and the softphones to be as they were, s. */
const REST_S = 0.3;

export interface Series {
  spec: LabSpec;
  tries: number;
  /** How long each call lasts, s. */
  seconds: number;
  /** What happens in the middle of each call, and what takes it back afterwards. */
  events?: (attempt: number) => { during: LabEvent[]; after: LabEvent[] };
  progress: (text: string) => void;
}

/** Calls from alice to bob, one after the other, in one lab. */
export async function callSeries({ spec, tries, seconds, events, progress }: Series): Promise<CallReport[]> {
  const folder = mkdtempSync(join(tmpdir(), 'overcall-bench-'));
  const lab = await startLab(spec);
  let network: Network | undefined;
  try {
    await lab.prove();
    const supernodes = spec.hosts.map(({ name }) => name).filter((name) => name.startsWith('supernode'));
    network = await Network.start({ ...labStage(lab), close: async () => {} }, folder, { supernodes });
    await Promise.all([network.register('alice', 'alice'), network.register('bob', 'bob')]);
    const listener = await startListener(network, 'bob');
    const reports: CallReport[] = [];
    for (let attempt = 0; attempt < tries; attempt++) {
      const { during, after } = events?.(attempt) ?? { during: [], after: [] };
      let happened = Promise.resolve();
      const { report } = await placeCall(network, 'alice', 'bob', {
        listener,
        seconds,
        onEvent: ({ event }) => {
          if (event === 'answered') happened = delay(EVENT_AFTER_S * 1000).then(() => applyAll(lab, during));
        },
      });
      await happened;
      await applyAll(lab, after);
      reports.push(report);
      progress(`${attempt + 1} of ${tries}`);
      await delay(REST_S * 1000);
    }
    return reports;
  } finally {
    await network?.stopPrograms();
    await lab.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function applyAll(lab: Lab, events: readonly LabEvent[]): Promise<void> {
  for (const event of events) await lab.apply(event);
}
