import { LabError } from './errors.ts';

/**
 * How a run came out. `lab`: the network was not what the scenario says, so nothing is known about the programs;
 * `skipped`: this machine cannot run labs.
 */
export type Outcome = 'passed' | 'failed' | 'lab' | 'skipped';

/** What the network had to do with it that a run came to nothing; what is not about that is thrown on. */
export function labOutcome(error: unknown): { outcome: Outcome; reasons: string[] } {
  if (!(error instanceof LabError) || error.code === 'bad-scenario') throw error;
  return {
    outcome: error.code === 'lab-impossible' ? 'skipped' : 'lab',
    reasons: error.message.split('\n').map((line) => `${error.code}: ${line}`),
  };
}
