/** Keys, the objects they sign, and safety numbers. Pure: time comes in as `nowMs`, keys come in as JWKs. */
export * from './certificates.ts';
export * from './dial-back-statements.ts';
export * from './directory-statements.ts';
export * from './key-ids.ts';
export * from './keys.ts';
export * from './passphrase.ts';
export * from './safety-number.ts';
export * from './session-statements.ts';
export * from './signed.ts';
export * from './status-report.ts';
export * from './supernode-list.ts';
export * from './username.ts';
