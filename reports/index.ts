/** The public surface of @mqlab/reports: run data in, reports out. */
export { type BuildOptions, buildReports, type RenderOptions, renderReports } from './build.ts';
export type * from './chart-spec.ts';
export { extractCode } from './code-excerpt.ts';
export { formatFigure, formatNumber, formatQuantity } from './format.ts';
export {
  checkRunData,
  parseRunData,
  RunDataError,
  readRunData,
  readRunDataDir,
  runName,
  writeRunData,
} from './load-run-data.ts';
export { templateProblems } from './placeholders.ts';
export * from './run-data.ts';
export { type ReportServer, serveReports } from './serve.ts';
export { TemplateError } from './template.ts';
