/** Puts the programs together: as few files as run fast, and as packages that npm installs. */
export * from './bundle.ts';
export * from './programs.ts';
