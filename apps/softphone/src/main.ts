#!/usr/bin/env node
import { runProgram } from '@overcall/cli';
import { createProgram } from './program.ts';

process.exit(await runProgram(createProgram(), process.argv.slice(2)));
