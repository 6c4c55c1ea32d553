import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { manFileOf } from '@overcall/cli';
import { bundle } from './bundle.ts';
import { launcher } from './launcher.ts';
import { noticesOf, noticeText } from './notices.ts';
import { NATIVE_PACKAGES, PROGRAMS, type ProgramName, ROOT } from './programs.ts';

/**
 * `npm run pack`: makes a package of each program, which `npm install -g FILE` installs on plain Node, without a compiler:
 * the program in few files, a command that starts it, the licences of what is in them, and packages with machine code as its only
 * dependencies.
 */
const FOLDER = join(ROOT, 'build', 'packages');

const NOTICES = 'THIRD-PARTY-LICENSES.txt';
const KEYWORDS = ['voip', 'softphone', 'p2p', 'nat-traversal', 'encryption'];

interface Manifest {
  version: string;
  license: string;
  description: string;
}

const readManifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as Manifest;

/** Of the named packages those that the program may load, at the versions that it was tested with. */
const versionsOf = (names: readonly string[], code: string): Record<string, string> =>
  Object.fromEntries(
    names
      .filter((name) => code.includes(`"${name}"`) || code.includes(`"${name}/`))
      .map((name) => [name, readManifest(join('node_modules', name)).version]),
  );

/** What operators start and watch the two services with. */
function copyDeployment(name: ProgramName, folder: string): void {
  if (name === 'softphone') return;
  const others = name === 'supernode' ? 'directory' : 'supernode';
  cpSync(join(ROOT, 'packages/release/deploy'), join(folder, 'deploy'), {
    recursive: true,
    filter: (file) => !file.endsWith(`overcall-${others}.service`),
  });
}

/** The manual page, by the program itself; where in the package it is. */
function writeManual(name: ProgramName, folder: string): string {
  const file = `man/${manFileOf(PROGRAMS[name].command)}`;
  const program = join(ROOT, PROGRAMS[name].entry);
  const made = spawnSync(process.execPath, [program, 'man'], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`no manual page of ${name}: ${made.stderr}`);
  mkdirSync(join(folder, 'man'), { recursive: true });
  writeFileSync(join(folder, file), made.stdout);
  return file;
}

/** What a registry, or who opens the package, shows first. */
const readme = (command: string, description: string, version: string): string => `# ${command}

${description}.

    npm install -g ${command}-${version}.tgz
    ${command} --help
    man ${command}

It needs Node 24 or later. MIT licence; the code of others that is part of it: \`${NOTICES}\`.
`;

async function pack(name: ProgramName): Promise<string> {
  const { command } = PROGRAMS[name];
  const { version, license, description } = readManifest(join('apps', name));
  const folder = join(FOLDER, command);
  mkdirSync(join(folder, 'bin'), { recursive: true });
  const files = await bundle([name]);
  for (const file of files) writeFileSync(join(folder, file.name), file.content);
  const code = files.map(({ content }) => String(content)).join('\n');
  const manifest = {
    name: command,
    version,
    license,
    description,
    keywords: KEYWORDS,
    type: 'module',
    bin: { [command]: `bin/${command}.js` },
    man: [writeManual(name, folder)],
    engines: { node: '>=24' },
    dependencies: versionsOf(NATIVE_PACKAGES.needed, code),
    optionalDependencies: versionsOf(NATIVE_PACKAGES.optional, code),
  };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  writeFileSync(join(folder, 'bin', `${command}.js`), launcher(command, `../${name}.mjs`), { mode: 0o755 });
  cpSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
  const notices = noticesOf(files.flatMap(({ modules }) => modules));
  writeFileSync(join(folder, NOTICES), noticeText(notices));
  writeFileSync(join(folder, 'README.md'), readme(command, description, version));
  copyDeployment(name, folder);
  const packed = spawnSync('npm', ['pack', '--pack-destination', FOLDER, '--loglevel=error'], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (packed.status !== 0) throw new Error(`npm pack failed for ${command}: ${packed.stderr}`);
  return join(FOLDER, packed.stdout.trim());
}

rmSync(FOLDER, { recursive: true, force: true });
for (const name of Object.keys(PROGRAMS) as ProgramName[]) process.stdout.write(`${await pack(name)}\n`);
