import { setFlagsFromString } from 'node:v8';

/**
 * V8 compiles a function well when it was called 3,000 times, and not before it has learned nothing new about it for 500 calls. For a server that is
 * a moment; what a call runs fifty times a second spends its first minute and more in code that looks up each property by its
 * name, and touches more memory than a processor has at hand that slept in between (bench/call/CPU.md).
 */
const FLAGS = [
  '--invocation-count-for-maglev=100',
  '--invocation-count-for-turbofan=600',
  '--minimum-invocations-after-ic-update=100',
];

let isDone = false;

/**
 * From the first call on, and not before: starting would take a third more processor time, for code that is not run again. Compiled code
 * that Node keeps bears the flags under which it was loaded, so what a start loads is not concerned.
 */
export function optimiseSooner(): void {
  if (isDone) return;
  isDone = true;
  for (const flag of FLAGS) setFlagsFromString(flag);
}
