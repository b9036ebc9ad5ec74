import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../../..');

export interface SourceFile {
  /** From the checkout's top, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

const SKIPPED = new Set(['node_modules', 'out', 'sample', 'data', 'fixtures']);

/** Every TypeScript file of the four packages. */
export function sourceFiles(): SourceFile[] {
  const found: SourceFile[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!SKIPPED.has(entry.name)) walk(path);
      } else if (entry.name.endsWith('.ts')) {
        found.push({ path: relative(ROOT, path).split(sep).join('/'), text: readFileSync(path, 'utf8') });
      }
    }
  };
  for (const name of ['core', 'labs', 'bench', 'reports']) walk(join(ROOT, name));
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The modules that a file names in import and export declarations and in dynamic imports with a literal. */
export function importsOf(file: SourceFile): string[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g;
  return [...file.text.matchAll(pattern)].map((match) => (match[1] ?? match[2] ?? match[3]) as string);
}

/** The path from the checkout's top that an import names, or null when it is a package of others. */
export function targetOf(file: SourceFile, specifier: string): string | null {
  if (specifier.startsWith('.')) {
    return relative(ROOT, resolve(ROOT, dirname(file.path), specifier))
      .split(sep)
      .join('/');
  }
  const own = /^@mqlab\/(core|labs|bench|reports)(?:\/(.*))?$/.exec(specifier);
  return own === null ? null : `${own[1]}/${own[2] ?? 'index.ts'}`;
}

export function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || /(^|\/)test\//.test(path) || /\/contract\//.test(path);
}
