/** The softphone as a library, for programs and tests that run one in their own process. */
export * from './softphone.ts';
export * from './softphone-options.ts';
