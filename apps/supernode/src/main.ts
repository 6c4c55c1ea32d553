#!/usr/bin/env node
import './short-pauses.ts';

// Not before: V8's space for new objects does not shrink again, and loading the program is enough for it to grow.
const { runCli } = await import('./cli/program.ts');

process.exitCode = await runCli(process.argv.slice(2));
