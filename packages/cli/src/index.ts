/** What the three commands share: settings from flags, environment and file; output; exit codes. */
export * from './exit-codes.ts';
export * from './log.ts';
export * from './output.ts';
export * from './run.ts';
export * from './settings.ts';
