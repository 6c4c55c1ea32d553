/** The directory as a library: for tests, demos, and whoever wants it inside another process. */
export { ERROR_STATUS } from './api-error.ts';
export type { RegistrationMode } from './registry.ts';
export { type DirectoryOptions, type RunningDirectory, startDirectory } from './start.ts';
export type { AdmissionMode } from './supernode-policy.ts';
