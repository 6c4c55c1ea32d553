#!/usr/bin/env node
import { runProgram } from '@overcall/cli';
import { createProgram } from './program.ts';

const ALL = '--help-all';
const args = process.argv.slice(2);
const program = createProgram(args.includes(ALL));
process.exit(
  await runProgram(
    program,
    args.map((arg) => (arg === ALL ? '--help' : arg)),
  ),
);
