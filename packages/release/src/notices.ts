import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A package of somebody else whose code is in a bundle. */
export interface Notice {
  name: string;
  version: string;
  /** SPDX expression, as its package.json has it. */
  license: string;
  /** Its licence files; none where it ships none. */
  texts: string[];
}

/** The installed package that a module belongs to, null for our own: workspaces are links, and bundlers follow them. */
export function packageFolderOf(moduleId: string): string | null {
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(moduleId)?.[0] ?? null;
}

/**
 * What MIT, BSD and the like ask of whoever passes on a copy: copyright line and licence, of each package of which any module is
 * in a bundle, by name.
 */
export function noticesOf(moduleIds: readonly string[]): Notice[] {
  const folders = new Set(moduleIds.flatMap((id) => packageFolderOf(id) ?? []));
  return [...folders].map(noticeOf).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function noticeOf(folder: string): Notice {
  const { name, version, license, author } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  ) as { name: string; version: string; license?: string; author?: string | { name: string } };
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
  const texts = files.sort().map((file) => readFileSync(join(folder, file), 'utf8').trim());
  const holder = typeof author === 'object' ? author.name : author;
  if (texts.length === 0 && holder !== undefined) texts.push(`Copyright (c) ${holder}`);
  return { name, version, license: license ?? 'licence not named', texts };
}

/** All of them as one file to lie beside the bundle. */
export function noticeText(notices: readonly Notice[]): string {
  const parts = notices.map(({ name, version, license, texts }) =>
    [`${name} ${version} (${license})`, ...texts].join('\n\n'),
  );
  const rule = `\n\n${'-'.repeat(72)}\n\n`;
  return `${['Code of these packages is part of this one, under their own licences.', ...parts].join(rule)}\n`;
}
