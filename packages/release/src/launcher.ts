/** The file behind an installed command: says in one line what an old Node would say in a stack trace, then runs the program. */
export const launcher = (command: string, program: string): string => `#!/usr/bin/env node
const [major] = process.versions.node.split('.').map(Number);
if (major < 24) {
  process.stderr.write('${command}: Node ' + process.versions.node + ' is too old; version 24 or later is needed\\n');
  process.exit(1);
}
process.env.NODE_COMPILE_CACHE ?? (await import('node:module')).enableCompileCache();
await import('${program}');
`;
