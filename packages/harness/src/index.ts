/** Runs the real programs on a stage and reads their events: for the demo, the NAT lab, tests and benches. */
export * from './built-programs.ts';
export * from './nats-server.ts';
export * from './network.ts';
export * from './program.ts';
export * from './stage.ts';
export * from './start-program.ts';
