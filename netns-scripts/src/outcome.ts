/**
 * How a run came out. `lab`: the network was not what the scenario says, so nothing is known about the programs;
 * `skipped`: this machine cannot run labs.
 */
export type Outcome = 'passed' | 'failed' | 'lab' | 'skipped';
