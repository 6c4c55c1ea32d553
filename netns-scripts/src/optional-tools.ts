import { spawnSync } from 'node:child_process';
import { findTool, OPTIONAL_TOOLS, type OptionalTool } from './tools.ts';

/** Something that labs can do without, except in scenarios of one kind. */
export interface MissingTool {
  tool: OptionalTool;
  /** Debian package. */
  package: string;
  for: string;
}

/** @param usable whether a tool is there and is of the kind that the lab can use */
export function missingTools(usable: (tool: OptionalTool) => boolean = isUsable): MissingTool[] {
  const missing = (Object.keys(OPTIONAL_TOOLS) as OptionalTool[]).filter((tool) => !usable(tool));
  return missing.map((tool) => ({ tool, ...OPTIONAL_TOOLS[tool] }));
}

export const missingInWords = ({ tool, package: name, for: purpose }: MissingTool): string =>
  `missing for ${purpose}: ${tool} (Debian: ${name})`;

/** Debian has miniupnpd for nftables and for iptables, under one name; `--version` tells which it is. */
function isUsable(tool: OptionalTool): boolean {
  const path = findTool(tool);
  return path !== null && spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout.includes('nftables');
}
