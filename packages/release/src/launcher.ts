/**
 * The file behind an installed command: says in one line what an old Node would say in a stack trace, then runs the program.
 * What is compiled is kept in the user's own cache folder: Node runs what lies there as it is, and by default looks below /tmp, where
 * anybody can be first.
 */
export const launcher = (command: string, program: string): string => `#!/usr/bin/env node
const [major] = process.versions.node.split('.').map(Number);
if (major < 24) {
  process.stderr.write('${command}: Node ' + process.versions.node + ' is too old; version 24 or later is needed\\n');
  process.exit(1);
}
if (process.env.NODE_COMPILE_CACHE === undefined) {
  const [{ enableCompileCache }, { homedir }, { isAbsolute, join }] = await Promise.all(
    ['node:module', 'node:os', 'node:path'].map((name) => import(name)),
  );
  const given = process.env.XDG_CACHE_HOME ?? '';
  try {
    enableCompileCache(join(isAbsolute(given) ? given : join(homedir(), '.cache'), 'overcall', 'compiled'));
  } catch {
    // Nobody's home: it is compiled anew each time.
  }
}
await import('${program}');
`;
