/** Runs the real programs, on loopback or in the NAT lab, and reads their events: for the demo, tests and benches. */
export * from './network.ts';
export * from './program.ts';
export * from './stage.ts';
