import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** A native module, loaded when it is first needed: most processes never see a batch in most codecs. */
export function nativeCodec<Module>(name: string): () => Module {
  let loaded: Module | null = null;
  return () => {
    loaded ??= require(name) as Module;
    return loaded;
  };
}
