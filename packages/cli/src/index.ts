/**
 * What the three commands share: a program with the common options, settings from flag, variable, file or default,
 * output, logs, exit codes, the end by a signal.
 */
export * from './ask.ts';
export * from './common-commands.ts';
export * from './config-check.ts';
export * from './config-file.ts';
export * from './config-template.ts';
export * from './error-line.ts';
export * from './exit-code.ts';
export * from './log.ts';
export * from './man-page.ts';
export * from './numbers.ts';
export * from './output.ts';
export * from './output-watch.ts';
export * from './places.ts';
export * from './program.ts';
export * from './remedies.ts';
export * from './run.ts';
export * from './settings.ts';
export * from './stop-signal.ts';
